"""Settings of AWS resources from boto3: metrics configurations, the key of the dataset, managed Contributor Insights rules."""

import pytest
from botocore.exceptions import ClientError

INSTANCE = "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"
SERVICE = "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint-service/vpce-svc-0123456789abcdef0"
TEMPLATE = "VpcEndpointService-BytesByEndpointId-v1"


def test_a_resource_metrics_configuration(cloudwatch):
    selections = [{"IncludeMetrics": ["CPUUtilization"]}]
    made = cloudwatch.create_resource_metrics_configuration(ResourceArn=INSTANCE, MetricSelections=selections)
    assert made["ResourceMetricsConfiguration"]["MetricSelections"] == selections
    with pytest.raises(cloudwatch.exceptions.ConflictException):
        cloudwatch.create_resource_metrics_configuration(ResourceArn=INSTANCE)
    updated = cloudwatch.update_resource_metrics_configuration(ResourceArn=INSTANCE)["ResourceMetricsConfiguration"]
    assert "MetricSelections" not in updated
    assert cloudwatch.get_resource_metrics_configuration(ResourceArn=INSTANCE)["ResourceMetricsConfiguration"] == updated
    cloudwatch.delete_resource_metrics_configuration(ResourceArn=INSTANCE)
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.get_resource_metrics_configuration(ResourceArn=INSTANCE)


def test_the_key_of_the_dataset(cloudwatch):
    key = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab"
    cloudwatch.associate_dataset_kms_key(DatasetIdentifier="default", KmsKeyArn=key)
    dataset = cloudwatch.get_dataset(DatasetIdentifier="default")
    assert (dataset["DatasetId"], dataset["KmsKeyArn"]) == ("default", key)
    cloudwatch.disassociate_dataset_kms_key(DatasetIdentifier=dataset["Arn"])
    assert "KmsKeyArn" not in cloudwatch.get_dataset(DatasetIdentifier="default")
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.disassociate_dataset_kms_key(DatasetIdentifier="default")
    with pytest.raises(cloudwatch.exceptions.KmsKeyNotFoundException):
        cloudwatch.associate_dataset_kms_key(DatasetIdentifier="default", KmsKeyArn=key.replace("us-east-1", "eu-west-1"))


def test_a_managed_rule_from_its_template(cloudwatch):
    """What Terraform's aws_cloudwatch_contributor_managed_insight_rule calls, in its order."""

    def rule():
        rules = cloudwatch.list_managed_insight_rules(ResourceARN=SERVICE)["ManagedRules"]
        [found] = [rule for rule in rules if rule["TemplateName"] == TEMPLATE]
        return found

    managed = [{"ResourceARN": SERVICE, "TemplateName": TEMPLATE, "Tags": [{"Key": "team", "Value": "net"}]}]
    assert cloudwatch.put_managed_insight_rules(ManagedRules=managed)["Failures"] == []
    name = rule()["RuleState"]["RuleName"]
    arn = f"arn:aws:cloudwatch:us-east-1:123456789012:insight-rule/{name}"
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "net"}]
    [described] = cloudwatch.describe_insight_rules()["InsightRules"]
    assert (described["Name"], described["ManagedRule"], described["State"]) == (name, True, "ENABLED")
    cloudwatch.disable_insight_rules(RuleNames=[name])
    assert rule()["RuleState"] == {"RuleName": name, "State": "DISABLED"}
    with pytest.raises(ClientError):
        cloudwatch.put_insight_rule(RuleName=name, RuleDefinition=described["Definition"])
    cloudwatch.delete_insight_rules(RuleNames=[name])
    assert "RuleState" not in rule()

"""Deliveries of vended logs from boto3, in the order in which Terraform makes and destroys them."""

import json

import pytest

RESOURCE = "arn:aws:cloudfront::123456789012:distribution/E1ABCDEF"


def test_life_of_a_delivery(logs):
    tags = {"team": "web"}
    source = logs.put_delivery_source(name="site", resourceArn=RESOURCE, logType="ACCESS_LOGS", tags=tags)["deliverySource"]
    assert (source["service"], source["resourceArns"]) == ("cloudfront", [RESOURCE])
    bucket = {"destinationResourceArn": "arn:aws:s3:::archive/cloudfront"}
    destination = logs.put_delivery_destination(
        name="archive", outputFormat="parquet", deliveryDestinationConfiguration=bucket, tags=tags
    )["deliveryDestination"]
    assert destination["deliveryDestinationType"] == "S3"
    allow = {"Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "logs:CreateDelivery", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    logs.put_delivery_destination_policy(deliveryDestinationName="archive", deliveryDestinationPolicy=policy)
    read = logs.get_delivery_destination_policy(deliveryDestinationName="archive")
    assert read["policy"]["deliveryDestinationPolicy"] == policy
    made = logs.create_delivery(
        deliverySourceName="site",
        deliveryDestinationArn=destination["arn"],
        recordFields=["date", "time"],
        s3DeliveryConfiguration={"suffixPath": "{DistributionId}/{yyyy}", "enableHiveCompatiblePath": True},
        tags=tags,
    )["delivery"]
    logs.update_delivery_configuration(id=made["id"], recordFields=["date"])
    got = logs.get_delivery(id=made["id"])["delivery"]
    assert got == {**made, "recordFields": ["date"]}
    for arn in (source["arn"], destination["arn"], made["arn"]):
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    deliveries = logs.get_paginator("describe_deliveries").paginate().build_full_result()["deliveries"]
    assert deliveries == [got]
    with pytest.raises(logs.exceptions.ConflictException):
        logs.delete_delivery_source(name="site")
    logs.delete_delivery(id=made["id"])
    logs.delete_delivery_destination_policy(deliveryDestinationName="archive")
    logs.delete_delivery_destination(name="archive")
    logs.delete_delivery_source(name="site")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_delivery_source(name="site")

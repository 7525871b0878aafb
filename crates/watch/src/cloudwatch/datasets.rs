//! GetDataset, AssociateDatasetKmsKey, DisassociateDatasetKmsKey: the default dataset of an account and region, which is always
//! there, and the KMS key that is to encrypt it.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_AssociateDatasetKmsKey.html> and its neighbours.
//! Associating replaces the key before; disassociating where there is none is ResourceNotFoundException.
//!
//! What differs: the key is remembered and shown, and nothing is encrypted with it. That it exists, is enabled and may be used is
//! not asked of KMS either; it must be of the same region. The texts are ours.

use super::refuse::not_found;
use crate::Watch;
use model::arn::{Arn, dataset};
use model::{Caller, Scope};
use wire::ApiError;
use wire::cloudwatch::{
    AssociateDatasetKmsKeyInput, AssociateDatasetKmsKeyOutput, DisassociateDatasetKmsKeyInput,
    DisassociateDatasetKmsKeyOutput, GetDatasetInput, GetDatasetOutput, errors,
};

/// The one dataset, by its id.
const DEFAULT: &str = "default";

pub async fn get_dataset(watch: &Watch, caller: &Caller, input: GetDatasetInput) -> Result<GetDatasetOutput, ApiError> {
    let arn = own(&caller.scope, &input.dataset_identifier)?;
    let kms_key_arn = watch.catalog.dataset_key(&caller.scope).await?;
    Ok(GetDatasetOutput { dataset_id: DEFAULT.to_owned(), arn, kms_key_arn })
}

pub async fn associate_dataset_kms_key(
    watch: &Watch,
    caller: &Caller,
    input: AssociateDatasetKmsKeyInput,
) -> Result<AssociateDatasetKmsKeyOutput, ApiError> {
    own(&caller.scope, &input.dataset_identifier)?;
    let key = &input.kms_key_arn;
    if Arn::parse(key).is_none_or(|arn| arn.region != caller.scope.region) {
        let message = format!("The KMS key {key} could not be found in the Region of the dataset.");
        return Err(ApiError::new(&errors::KMS_KEY_NOT_FOUND_EXCEPTION, message));
    }
    watch.catalog.put_dataset_key(&caller.scope, key).await?;
    Ok(AssociateDatasetKmsKeyOutput {})
}

pub async fn disassociate_dataset_kms_key(
    watch: &Watch,
    caller: &Caller,
    input: DisassociateDatasetKmsKeyInput,
) -> Result<DisassociateDatasetKmsKeyOutput, ApiError> {
    let arn = own(&caller.scope, &input.dataset_identifier)?;
    if watch.catalog.delete_dataset_key(&caller.scope).await? {
        return Ok(DisassociateDatasetKmsKeyOutput {});
    }
    let message = format!("The dataset {arn} has no associated KMS key.");
    Err(not_found("dataset", arn, message))
}

/// The ARN of the caller's dataset, when an identifier names it.
fn own(scope: &Scope, identifier: &str) -> Result<String, ApiError> {
    let arn = dataset(scope, DEFAULT);
    if identifier == DEFAULT || identifier == arn {
        return Ok(arn);
    }
    let message = format!("The dataset {identifier} does not exist.");
    Err(not_found("dataset", identifier.to_owned(), message))
}

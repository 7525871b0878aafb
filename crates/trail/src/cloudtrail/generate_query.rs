//! GenerateQuery: the sample statement whose words are nearest to a prompt, over the event data store that was named.
//!
//! AWS has a language model write a statement. Here nothing is made up: the answer is one of the samples of SearchSampleQueries, as it
//! is, and a comment in its first line says which. What the prompt says beyond it, such as a time, is not in the statement. A prompt
//! that no sample is near to is refused with the error that AWS has for prompts it can make nothing of. Aliases are good for as long
//! as results of queries are kept: seven days.

use super::event_data_stores::active_for;
use crate::Trail;
use catalog::LakeQueryAlias;
use model::Caller;
use query::lake::samples;
use wire::ApiError;
use wire::cloudtrail::{GenerateQueryRequest, GenerateQueryResponse, errors};

pub(super) async fn generate_query(
    trail: &Trail,
    caller: &Caller,
    input: GenerateQueryRequest,
) -> Result<GenerateQueryResponse, ApiError> {
    let named = input.event_data_stores.first().map_or("", String::as_str);
    let store = active_for(trail, caller, "cloudtrail:GenerateQuery", named).await?;
    let Some(sample) = samples::nearest(&input.prompt) else {
        let text = "No query could be generated for the prompt: none of the sample queries is near to it. SearchSampleQueries \
                    finds them by single words.";
        return Err(ApiError::new(&errors::GENERATE_RESPONSE_EXCEPTION, text));
    };
    let statement = format!("-- Sample query: {}\n{}", sample.name, sample.sql.replace("$EDS_ID", &store.id));
    let alias = LakeQueryAlias {
        alias: format!("generated-{}", trail.ids.uuid()),
        prompt: Some(input.prompt),
        statement: statement.clone(),
        created_ms: trail.clock.now().0,
    };
    trail.catalog.put_lake_query_alias(&caller.scope, &alias).await?;
    Ok(GenerateQueryResponse {
        query_statement: Some(statement),
        query_alias: Some(alias.alias),
        event_data_store_owner_account_id: Some(store.scope.account),
    })
}

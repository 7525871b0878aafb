//! SimulatePrincipalPolicy and SimulateCustomPolicy: what policies would decide, and which statement.
//!
//! The context is what the call gives; keys that policies ask for and the call does not give are told. One result for each pair of
//! action and resource, all in one answer.

use super::errors::{invalid_input, no_such_entity};
use crate::Access;
use crate::directory::Account;
use crate::entities::{Identity, Kind};
use crate::policy::{
    self, Context, Decision, Found, Policies, Policy, PolicyKind, Position, Principal, PrincipalKind, Purpose, Request,
    ResourcePolicies, Values,
};
use crate::standing::Grants;
use model::Caller;
use model::arn::Arn;
use model::limits::{SIMULATED_POLICIES_MAX, SIMULATIONS_MAX};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::ApiError;
use wire::iam::{
    self, ContextEntry, EvaluationResult, PermissionsBoundaryDecisionDetail, SimulateCustomPolicyRequest,
    SimulatePolicyResponse, SimulatePrincipalPolicyRequest, Statement,
};

/// What is simulated, from either operation.
struct Simulation {
    identity: Vec<Arc<Policy>>,
    boundary: Option<Arc<Policy>>,
    resource: Option<(String, Arc<Policy>)>,
    caller_arn: String,
    account: String,
    actions: Vec<String>,
    resources: Vec<String>,
    context: BTreeMap<String, Vec<String>>,
}

pub(super) async fn simulate_principal_policy(
    access: &Access,
    caller: &Caller,
    input: SimulatePrincipalPolicyRequest,
) -> Result<SimulatePolicyResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let source = source(&account, &input.policy_source_arn)?;
    let grants = Grants::compile(&account, source);
    let mut identity = grants.identity;
    identity.extend(documents("PolicyInputList", input.policy_input_list.unwrap_or_default())?);
    let given = documents(
        "PermissionsBoundaryPolicyInputList",
        input.permissions_boundary_policy_input_list.unwrap_or_default(),
    )?;
    let caller_arn = input.caller_arn.unwrap_or(input.policy_source_arn);
    let mut context = context(input.context_entries.unwrap_or_default());
    if source.kind == Kind::User {
        context.entry("aws:username".into()).or_insert_with(|| vec![source.name.clone()]);
    }
    let simulation = Simulation {
        identity,
        boundary: given.into_iter().next().or(grants.boundary),
        resource: resource_policy(input.resource_policy, input.resource_owner.as_deref(), &account.id)?,
        account: Arn::parse(&caller_arn).map_or(&*account.id, |arn| arn.account).to_owned(),
        caller_arn,
        actions: input.action_names,
        resources: input.resource_arns.unwrap_or_default(),
        context,
    };
    simulation.answer()
}

pub(super) async fn simulate_custom_policy(
    _: &Access,
    caller: &Caller,
    input: SimulateCustomPolicyRequest,
) -> Result<SimulatePolicyResponse, ApiError> {
    let account = &caller.scope.account;
    let boundary = documents(
        "PermissionsBoundaryPolicyInputList",
        input.permissions_boundary_policy_input_list.unwrap_or_default(),
    )?;
    let caller_arn = input.caller_arn.unwrap_or_else(|| format!("arn:aws:iam::{account}:user/simulated"));
    let simulation = Simulation {
        identity: documents("PolicyInputList", input.policy_input_list)?,
        boundary: boundary.into_iter().next(),
        resource: resource_policy(input.resource_policy, input.resource_owner.as_deref(), account)?,
        account: Arn::parse(&caller_arn).map_or(account.as_str(), |arn| arn.account).to_owned(),
        caller_arn,
        actions: input.action_names,
        resources: input.resource_arns.unwrap_or_default(),
        context: context(input.context_entries.unwrap_or_default()),
    };
    simulation.answer()
}

/// The user, group or role of an ARN.
fn source<'a>(account: &'a Account, arn: &str) -> Result<&'a Identity, ApiError> {
    let invalid = || invalid_input(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."));
    let parsed = Arn::parse(arn).filter(|parsed| parsed.service == "iam").ok_or_else(invalid)?;
    let (noun, path) = parsed.resource.split_once('/').ok_or_else(invalid)?;
    let kind =
        [Kind::User, Kind::Group, Kind::Role].into_iter().find(|kind| kind.noun() == noun).ok_or_else(invalid)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let found = account.find(kind, name).filter(|identity| identity.arn(&account.id) == arn);
    found
        .map(|identity| &**identity)
        .ok_or_else(|| no_such_entity(format!("The {noun} with name {name} cannot be found.")))
}

fn documents(list: &str, texts: Vec<String>) -> Result<Vec<Arc<Policy>>, ApiError> {
    if texts.len() > SIMULATED_POLICIES_MAX {
        return Err(invalid_input(format!("More than {SIMULATED_POLICIES_MAX} policies in {list}.")));
    }
    let parse = |(index, text): (usize, &String)| {
        let parsed = Policy::parse(format!("{list}.{}", index + 1), text, Purpose::Identity);
        parsed.map(Arc::new).map_err(|error| invalid_input(error.0))
    };
    texts.iter().enumerate().map(parse).collect()
}

fn resource_policy(
    text: Option<String>,
    owner: Option<&str>,
    account: &str,
) -> Result<Option<(String, Arc<Policy>)>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let policy = Policy::parse("ResourcePolicy", &text, Purpose::Resource).map_err(|error| invalid_input(error.0))?;
    // The owner is an account id, or the ARN of its root.
    let owner = owner.map(|owner| Arn::parse(owner).map_or(owner, |arn| arn.account));
    Ok(Some((owner.unwrap_or(account).to_owned(), Arc::new(policy))))
}

fn context(entries: Vec<ContextEntry>) -> BTreeMap<String, Vec<String>> {
    let entry = |entry: ContextEntry| {
        Some((entry.context_key_name?.to_ascii_lowercase(), entry.context_key_values.unwrap_or_default()))
    };
    entries.into_iter().filter_map(entry).collect()
}

/// The given keys, and a note of those that were asked for in vain.
struct Asked<'a> {
    given: &'a BTreeMap<String, Vec<String>>,
    missing: RefCell<BTreeSet<String>>,
}

impl Context for Asked<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let values = Context::values(self.given, key);
        if values.is_none() {
            self.missing.borrow_mut().insert(key.to_owned());
        }
        values
    }
}

impl Simulation {
    fn answer(&self) -> Result<SimulatePolicyResponse, ApiError> {
        let everything = ["*".to_owned()];
        let resources = if self.resources.is_empty() { &everything[..] } else { &self.resources };
        if self.actions.len().saturating_mul(resources.len()) > SIMULATIONS_MAX {
            return Err(invalid_input(format!("More than {SIMULATIONS_MAX} pairs of action and resource.")));
        }
        if let Some(action) = self.actions.iter().find(|action| !action.contains(':')) {
            return Err(invalid_input(format!("Invalid Action: {action}")));
        }
        let pairs = self.actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
        let results = pairs.map(|(action, resource)| self.decide(action, resource)).collect();
        Ok(SimulatePolicyResponse { evaluation_results: Some(results), is_truncated: Some(false), marker: None })
    }

    fn decide(&self, action: &str, resource: &str) -> EvaluationResult {
        let context = Asked { given: &self.context, missing: RefCell::default() };
        let role = self.caller_arn.contains(":role/");
        let principal = Principal {
            kind: if role { PrincipalKind::AssumedRole } else { PrincipalKind::User },
            account: &self.account,
            arn: &self.caller_arn,
            role_arn: role.then_some(self.caller_arn.as_str()),
        };
        let request = Request { principal, action, resource, context: &context };
        let of_resource: Vec<Arc<Policy>> = self.resource.iter().map(|(_, policy)| Arc::clone(policy)).collect();
        let policies = Policies {
            identity: &self.identity,
            boundary: self.boundary.as_deref(),
            session: None,
            resource: self.resource.as_ref().map(|(account, _)| ResourcePolicies { account, policies: &of_resource }),
            resource_must_allow: false,
        };
        let found = policy::matching(&request, &policies);
        let by_boundary =
            self.boundary.as_ref().map(|_| PermissionsBoundaryDecisionDetail {
                allowed_by_permissions_boundary: Some(found.iter().any(|found| {
                    found.kind == PolicyKind::Boundary && found.statement.effect == policy::Effect::Allow
                })),
            });
        let decision = match policy::decide(&request, &policies) {
            Decision::Allowed(_) => "allowed",
            Decision::ImplicitDeny(_) => "implicitDeny",
            Decision::ExplicitDeny(_) => "explicitDeny",
        };
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: decision.to_owned(),
            matched_statements: Some(found.iter().map(statement).collect()),
            missing_context_values: Some(context.missing.into_inner().into_iter().collect()),
            permissions_boundary_decision_detail: by_boundary,
            ..EvaluationResult::default()
        }
    }
}

fn statement(found: &Found<'_>) -> Statement {
    let kind = match found.kind {
        PolicyKind::Identity | PolicyKind::Session => "IAM Policy",
        PolicyKind::Boundary => "IAM Permissions Boundary Policy",
        PolicyKind::Resource => "Resource Policy",
    };
    let place = |place: Position| Some(iam::Position { line: Some(place.line), column: Some(place.column) });
    Statement {
        source_policy_id: Some(found.policy.id.clone()),
        source_policy_type: Some(kind.to_owned()),
        start_position: place(found.statement.start),
        end_position: place(found.statement.end),
    }
}

//! Users, groups, roles, keys and policies: made, shown, changed, refused and deleted.

use super::*;

#[tokio::test]
async fn a_user_is_made_shown_renamed_and_deleted() {
    let world = World::new().await;
    let made = world
        .done(
            "CreateUser",
            &[("UserName", "Jane"), ("Path", "/ops/"), ("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "red")],
        )
        .await;
    assert_eq!(element(&made, "Arn"), "arn:aws:iam::123456789012:user/ops/Jane");
    assert_eq!(element(&made, "CreateDate"), "2026-11-26T00:00:00Z");
    let id = element(&made, "UserId");
    assert!(id.starts_with("AIDA") && id.len() == 20, "{id}");
    assert_eq!(
        world.call("CreateUser", &[("UserName", "jane")]).await.unwrap_err(),
        "EntityAlreadyExists: User with name jane already exists."
    );
    assert_eq!(
        world.call("GetUser", &[("UserName", "joe")]).await.unwrap_err(),
        "NoSuchEntity: The user with name joe cannot be found."
    );
    world.done("UpdateUser", &[("UserName", "JANE"), ("NewUserName", "janet"), ("NewPath", "/")]).await;
    let shown = world.done("GetUser", &[("UserName", "janet")]).await;
    assert_eq!(
        (element(&shown, "UserId"), element(&shown, "Arn")),
        (id.clone(), "arn:aws:iam::123456789012:user/janet".into())
    );
    assert!(shown.contains("<Key>team</Key><Value>red</Value>"), "{shown}");
    // What is kept is what is shown: another process reads the same.
    let again =
        Access::open(world.catalog.clone(), world.clock.clone(), counting(), SealingKey::new([9; 32])).await.unwrap();
    let account = again.account(ACCOUNT);
    assert_eq!(account.users.keys().collect::<Vec<_>>(), ["janet"]);
    assert_eq!(account.users["janet"].id, id);
    world.done("DeleteUser", &[("UserName", "janet")]).await;
    assert!(world.catalog.identities().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let world = World::new().await;
    world.done("CreateUser", &[("UserName", "u")]).await;
    world.done("CreateGroup", &[("GroupName", "g")]).await;
    let document = document(ALL);
    let policy = world.done("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", &document)]).await;
    let arn = element(&policy, "Arn");
    assert_eq!(arn, "arn:aws:iam::123456789012:policy/p");
    let key = element(&world.done("CreateAccessKey", &[("UserName", "u")]).await, "AccessKeyId");
    world.done("AddUserToGroup", &[("UserName", "u"), ("GroupName", "g")]).await;
    world.done("AttachUserPolicy", &[("UserName", "u"), ("PolicyArn", &arn)]).await;
    world.done("PutUserPolicy", &[("UserName", "u"), ("PolicyName", "i"), ("PolicyDocument", &document)]).await;
    let refused = async |operation: &str, pairs: &[(&str, &str)]| world.call(operation, pairs).await.unwrap_err();
    let user = [("UserName", "u")];
    assert_eq!(
        refused("DeleteUser", &user).await,
        "DeleteConflict: Cannot delete entity, must delete access keys first."
    );
    world.done("DeleteAccessKey", &[("UserName", "u"), ("AccessKeyId", &key)]).await;
    let text = "DeleteConflict: Cannot delete entity, must remove users from group first.";
    assert_eq!(refused("DeleteUser", &user).await, text);
    assert_eq!(refused("DeleteGroup", &[("GroupName", "g")]).await, text);
    world.done("RemoveUserFromGroup", &[("UserName", "u"), ("GroupName", "g")]).await;
    assert_eq!(
        refused("DeleteUser", &user).await,
        "DeleteConflict: Cannot delete entity, must detach all policies first."
    );
    assert_eq!(
        refused("DeletePolicy", &[("PolicyArn", &arn)]).await,
        "DeleteConflict: Cannot delete a policy attached to entities."
    );
    world.done("DetachUserPolicy", &[("UserName", "u"), ("PolicyArn", &arn)]).await;
    assert_eq!(refused("DeleteUser", &user).await, "DeleteConflict: Cannot delete entity, must delete policies first.");
    world.done("DeleteUserPolicy", &[("UserName", "u"), ("PolicyName", "i")]).await;
    world.done("DeleteUser", &user).await;
    world.done("DeletePolicy", &[("PolicyArn", &arn)]).await;
    assert_eq!(
        refused("DetachUserPolicy", &[("UserName", "u"), ("PolicyArn", &arn)]).await,
        "NoSuchEntity: The user with name u cannot be found."
    );
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_sealed() {
    let world = World::new().await;
    world.done("CreateUser", &[("UserName", "u")]).await;
    let made = world.done("CreateAccessKey", &[("UserName", "u")]).await;
    let (id, secret) = (element(&made, "AccessKeyId"), element(&made, "SecretAccessKey"));
    assert_eq!((id.len(), secret.len()), (20, 40));
    assert!(world.catalog.identities().await.unwrap().iter().all(|row| !row.document.contains(&secret)));
    assert!(!world.done("ListAccessKeys", &[("UserName", "u")]).await.contains(&secret));
    let found = world.access.identify(&id, None, NOW).unwrap();
    assert_eq!(found.secret, secret);
    assert!(!format!("{found:?}").contains(&secret));
    let info = world.done("GetAccessKeyInfo", &[("AccessKeyId", &id)]).await;
    assert_eq!(element(&info, "Account"), ACCOUNT);
    world.done("CreateAccessKey", &[("UserName", "u")]).await;
    assert_eq!(
        world.call("CreateAccessKey", &[("UserName", "u")]).await.unwrap_err(),
        "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2"
    );
    // Without the key file the catalog is not enough.
    let thief =
        Access::open(world.catalog.clone(), world.clock.clone(), counting(), SealingKey::new([1; 32])).await.unwrap();
    assert!(thief.identify(&id, None, NOW).is_err());
    world.done("UpdateAccessKey", &[("UserName", "u"), ("AccessKeyId", &id), ("Status", "Inactive")]).await;
    assert!(world.access.identify(&id, None, NOW).is_err());
    world.done("UpdateAccessKey", &[("UserName", "u"), ("AccessKeyId", &id), ("Status", "Active")]).await;
    assert!(world.access.identify(&id, None, NOW).is_ok());
    world.done("DeleteAccessKey", &[("UserName", "u"), ("AccessKeyId", &id)]).await;
    assert!(world.access.identify(&id, None, NOW).is_err());
}

#[tokio::test]
async fn last_uses_are_told_before_and_after_they_are_written() {
    let world = World::new().await;
    let caller = world.user("u", ALL).await;
    let last = async || world.done("GetAccessKeyLastUsed", &[("AccessKeyId", &caller.access_key_id)]).await;
    assert_eq!(element(&last().await, "ServiceName"), "N/A");
    world.access.note_use(&caller, "logs", NOW);
    assert_eq!(element(&last().await, "ServiceName"), "logs");
    world.access.keep_uses().await.unwrap();
    let kept = last().await;
    assert_eq!(
        (element(&kept, "ServiceName"), element(&kept, "LastUsedDate")),
        ("logs".into(), "2026-11-26T00:00:00Z".into())
    );
}

#[tokio::test]
async fn versions_of_a_policy_come_and_go() {
    let world = World::new().await;
    let (all, none) = (document(ALL), document(r#""Effect":"Deny","Action":"*","Resource":"*""#));
    let arn = element(&world.done("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", &all)]).await, "Arn");
    let version = async |default: &str| {
        let pairs = [("PolicyArn", arn.as_str()), ("PolicyDocument", none.as_str()), ("SetAsDefault", default)];
        world.call("CreatePolicyVersion", &pairs).await
    };
    assert_eq!(element(&version("true").await.unwrap(), "VersionId"), "v2");
    assert_eq!(element(&world.done("GetPolicy", &[("PolicyArn", &arn)]).await, "DefaultVersionId"), "v2");
    let shown = world.done("GetPolicyVersion", &[("PolicyArn", &arn), ("VersionId", "v1")]).await;
    assert!(element(&shown, "Document").starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{shown}");
    for _ in 0..3 {
        version("false").await.unwrap();
    }
    assert!(
        version("false").await.unwrap_err().starts_with("LimitExceeded: A managed policy can have up to 5 versions.")
    );
    let listed = world.done("ListPolicyVersions", &[("PolicyArn", &arn)]).await;
    assert_eq!(element(&listed, "VersionId"), "v5", "newest first");
    let delete =
        async |version: &str| world.call("DeletePolicyVersion", &[("PolicyArn", &arn), ("VersionId", version)]).await;
    assert_eq!(delete("v2").await.unwrap_err(), "DeleteConflict: Cannot delete the default version of a policy.");
    delete("v1").await.unwrap();
    assert!(delete("v1").await.unwrap_err().starts_with("NoSuchEntity"));
    assert!(
        world
            .call("DeletePolicy", &[("PolicyArn", &arn)])
            .await
            .unwrap_err()
            .starts_with("DeleteConflict: This policy has more than one version.")
    );
    world.done("SetDefaultPolicyVersion", &[("PolicyArn", &arn), ("VersionId", "v3")]).await;
    let ready = "arn:aws:iam::aws:policy/TrailwatchOperator";
    assert!(world.call("DeletePolicy", &[("PolicyArn", ready)]).await.unwrap_err().starts_with("AccessDenied"));
    assert!(
        world
            .done("GetPolicy", &[("PolicyArn", ready)])
            .await
            .contains("<Arn>arn:aws:iam::aws:policy/TrailwatchOperator</Arn>")
    );
}

#[tokio::test]
async fn documents_are_checked_and_measured() {
    let world = World::new().await;
    world.done("CreateUser", &[("UserName", "u")]).await;
    let put = async |document: &str| {
        world.call("PutUserPolicy", &[("UserName", "u"), ("PolicyName", "p"), ("PolicyDocument", document)]).await
    };
    assert_eq!(put("{").await.unwrap_err(), "MalformedPolicyDocument: Syntax errors in policy.");
    let large = document(&format!(r#""Effect":"Allow","Action":"*","Resource":["*"{}]"#, ",\"*\"".repeat(600)));
    assert_eq!(put(&large).await.unwrap_err(), "LimitExceeded: Maximum policy size of 2048 bytes exceeded for user u");
    assert!(put(&document(ALL)).await.is_ok());
    let role =
        async |trust: &str| world.call("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", trust)]).await;
    assert_eq!(role("x").await.unwrap_err(), "MalformedPolicyDocument: This policy contains invalid Json");
    assert_eq!(role(&document(ALL)).await.unwrap_err(), "MalformedPolicyDocument: Missing required field Principal");
    let nobody =
        r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/nobody"},"Action":"sts:AssumeRole""#;
    assert_eq!(
        role(&document(nobody)).await.unwrap_err(),
        "MalformedPolicyDocument: Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:user/nobody\""
    );
    assert!(role(&document(&nobody.replace("nobody", "u"))).await.is_ok());
    assert!(world.done("ListInstanceProfilesForRole", &[("RoleName", "r")]).await.contains("<InstanceProfiles>"));
    let attach = async |arn: &str| world.call("AttachUserPolicy", &[("UserName", "u"), ("PolicyArn", arn)]).await;
    let unheard = "arn:aws:iam::123456789012:policy/unheard";
    assert_eq!(
        attach(unheard).await.unwrap_err(),
        format!("NoSuchEntity: Policy {unheard} does not exist or is not attachable.")
    );
    assert_eq!(
        attach("not-an-arn-of-any-sort").await.unwrap_err(),
        "InvalidInput: ARN not-an-arn-of-any-sort is not valid."
    );
    let missing = world.call("CreateUser", &[]).await.unwrap_err();
    assert!(
        missing.starts_with("ValidationError: 1 validation error detected: Value null at 'userName' failed"),
        "{missing}"
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    for name in ["c", "a", "b", "d", "e"] {
        world.done("CreateUser", &[("UserName", name), ("Path", if name == "d" { "/x/" } else { "/" })]).await;
    }
    let mut names = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let mut pairs = vec![("MaxItems", "2")];
        pairs.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page = world.done("ListUsers", &pairs).await;
        names.extend(page.split("<UserName>").skip(1).map(|part| part.split('<').next().unwrap().to_owned()));
        if element(&page, "IsTruncated") == "false" {
            break;
        }
        marker = Some(element(&page, "Marker"));
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let under = world.done("ListUsers", &[("PathPrefix", "/x/")]).await;
    assert_eq!(under.matches("<UserName>").count(), 1);
    assert!(
        world
            .call("ListUsers", &[("Marker", "***")])
            .await
            .unwrap_err()
            .starts_with("ValidationError: Invalid Marker.")
    );
}

#[tokio::test]
async fn all_that_is_there_is_told_at_once() {
    let world = World::new().await;
    world.user("u", ALL).await;
    world.done("CreateGroup", &[("GroupName", "g")]).await;
    world.done("AddUserToGroup", &[("UserName", "u"), ("GroupName", "g")]).await;
    world
        .done("AttachGroupPolicy", &[("GroupName", "g"), ("PolicyArn", "arn:aws:iam::aws:policy/TrailwatchReadOnly")])
        .await;
    let details = world.done("GetAccountAuthorizationDetails", &[]).await;
    for part in [
        "<UserName>u</UserName>",
        "<GroupList><member>g</member></GroupList>",
        "<PolicyName>TrailwatchReadOnly</PolicyName>",
    ] {
        assert!(details.contains(part), "{part}: {details}");
    }
    let summary = world.done("GetAccountSummary", &[]).await;
    assert!(summary.contains("<key>Users</key><value>1</value>"), "{summary}");
    let entities =
        world.done("ListEntitiesForPolicy", &[("PolicyArn", "arn:aws:iam::aws:policy/TrailwatchReadOnly")]).await;
    assert!(entities.contains("<GroupName>g</GroupName>"), "{entities}");
}

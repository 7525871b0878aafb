// Documents of IAM by hand: policies, those of one identity alone, and who may take a role.
import { createSignal, Show } from "solid-js";
import { FormDialog } from "../ui/dialog";
import { Choice, Field } from "../ui/parts";

/** What a policy is begun with. */
export const EXAMPLE = `{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"],
    "Resource": "arn:aws:logs:*:*:log-group:/web/*"
  }]
}`;

/** The document that lets principals take a role. */
export const trustIn = (principals: string[]) =>
  JSON.stringify(
    {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { AWS: principals.length === 1 ? principals[0] : principals }, Action: "sts:AssumeRole" },
      ],
    },
    null,
    2,
  );

/** A name, where `named` is set, and a document. */
export function DocumentDialog(props: {
  title: string;
  action: string;
  named?: boolean;
  hint: string;
  document: string;
  submit: (document: string, name: string) => Promise<void>;
  close: () => void;
}) {
  const submit = (form: HTMLFormElement) => {
    const data = new FormData(form);
    return props.submit(String(data.get("document") ?? ""), String(data.get("name") ?? "").trim());
  };
  return (
    <FormDialog title={props.title} action={props.action} wide submit={submit} close={props.close}>
      <Show when={props.named}>
        <Field label="Name">
          {(id) => <input id={id} name="name" required maxlength="128" autocomplete="off" spellcheck={false} />}
        </Field>
      </Show>
      <Field label="Document" hint={props.hint}>
        {(id) => (
          <textarea id={id} name="document" class="mono" rows="14" required spellcheck={false}>
            {props.document}
          </textarea>
        )}
      </Field>
    </FormDialog>
  );
}

/** Who may take a new role: everybody of the account whom a policy lets, one user, or whoever a document names. */
export function TrustFields(props: { account: string; users: { name: string; arn: string }[] }) {
  const root = () => `arn:aws:iam::${props.account}:root`;
  const [document, setDocument] = createSignal(trustIn([root()]));
  return (
    <>
      <Choice
        label="Who may take it"
        hint="Whoever takes it must be allowed sts:AssumeRole by a policy of their own, too, but for a user whom the document names."
        of={[
          [root(), "users and roles of this account"],
          ...props.users.map((user): [string, string] => [user.arn, `user ${user.name}`]),
        ]}
        change={(principal) => setDocument(trustIn([principal]))}
      />
      <Field label="Trust policy" hint="The same as a document, which may name others, and conditions.">
        {(id) => (
          <textarea
            id={id}
            name="trust"
            class="mono"
            rows="9"
            required
            spellcheck={false}
            value={document()}
            onInput={(event) => setDocument(event.currentTarget.value)}
          />
        )}
      </Field>
    </>
  );
}

//! Explanations: asking the language model about an incident. What it says comes with the incident.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::Role;
use engine::explain::ExplainRefusal;
use model::Explanation;
use serde::Deserialize;

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Path, check_prose};
use crate::problem::{Code, Problem};

/// Longest question, in characters.
const QUESTION_CHARS_MAX: usize = 1_000;

/// What to ask.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct ExplainRequest {
    /// A question about the incident, at most 1000 characters; none asks for an explanation.
    #[serde(default)]
    pub question: Option<String>,
}

/// Asks the language model about an incident. The answer comes later, as `explanation` of the incident; nothing that
/// Homeostat does depends on it.
#[utoipa::path(post, path = "/incidents/{id}/explain", operation_id = "explain_incident", tag = "incidents",
    params(("id" = String, Path)), request_body = ExplainRequest, responses((status = 202, body = Explanation)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn explain(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<ExplainRequest>,
) -> Result<(StatusCode, Json<Explanation>), Problem> {
    let asker = caller.require(Role::Operator)?;
    let id = crate::incidents::incident_id(&id)?;
    let question = request.question.map(|q| q.trim().to_owned()).filter(|q| !q.is_empty());
    if let Some(question) = &question {
        check_prose("/question", question)?;
        if question.chars().count() > QUESTION_CHARS_MAX {
            let detail = format!("must have at most {QUESTION_CHARS_MAX} characters");
            return Err(Problem::invalid("/question", detail));
        }
    }
    let asked = app.engine.explain(asker, id.as_str(), question).await?;
    Ok((StatusCode::ACCEPTED, Json(asked)))
}

impl From<ExplainRefusal> for Problem {
    fn from(refusal: ExplainRefusal) -> Self {
        match refusal {
            ExplainRefusal::Refused(refusal) => refusal.into(),
            ExplainRefusal::Store(error) => error.into(),
            ExplainRefusal::TooMany { retry_after_s } => {
                Self::new(Code::Overloaded, refusal.to_string()).retry_after(retry_after_s)
            }
        }
    }
}

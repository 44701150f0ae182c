/* SPDX-License-Identifier: Apache-2.0
 * review — kinds that are questions: who am I, may I, and tokens for service accounts. */
#pragma once

#include "apiserver/action.h"

extern const action_step_fn review_self_steps[];     /* SelfSubjectReview */
extern const action_step_fn review_of_token_steps[]; /* TokenReview */
extern const action_step_fn review_access_steps[];   /* (Self|Local)SubjectAccessReview */
extern const action_step_fn review_rules_steps[];    /* SelfSubjectRulesReview */
extern const action_step_fn review_token_steps[];    /* serviceaccounts/NAME/token */

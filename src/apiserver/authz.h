/* SPDX-License-Identifier: Apache-2.0
 * authz — may this user do this? system:masters may do everything; everybody else what Roles and
 * ClusterRoles bound to them say (RBAC objects in the store). The first step of every list. */
#pragma once

#include "apiserver/action.h"

enum turn authz_check(struct action *a);
enum turn authz_check_verb(struct action *a, struct str verb); /* the same object, another verb */

struct authz_question {
    struct str verb, group, resource, subresource, namespace, name;
    struct str path; /* present: a path that is no resource; the others are absent */
};
bool authz_allows(struct apiserver *s, const struct user *u, const struct authz_question *q);
/* The same, and by which binding, in the arena. */
bool authz_explain(struct apiserver *s,
                   const struct user *u,
                   const struct authz_question *q,
                   struct arena *a,
                   struct str *why);
/* Does this rule of a role allow it? */
bool authz_rule_allows(struct json rule, const struct authz_question *q);
struct authz_rule_lists {
    struct arena *a;
    struct jnode *resources, *paths; /* arrays */
};
/* Appends the rules that apply to the user in a namespace. */
void authz_rules(struct apiserver *s,
                 const struct user *u,
                 struct str namespace,
                 const struct authz_rule_lists *out);

/* 403 in Kubernetes' words. */
enum turn authz_refuse(struct action *a, const struct authz_question *q);

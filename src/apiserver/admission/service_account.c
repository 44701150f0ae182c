/* SPDX-License-Identifier: Apache-2.0
 * service_account — a pod runs as the service account "default" unless it names one, and the
 * account must exist. Tokens are not mounted. */
#include "apiserver/admission/plugins.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"

static enum turn mutate(struct action *a)
{
    if (!admit_is_pod(a) || !a->creates)
        return TURN_GO;
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    struct str name = jnode_text_of_str(jnode_get(spec, STR("serviceAccountName")));
    if (name.n == 0) {
        name = STR("default");
        jnode_set_str(spec, STR("serviceAccountName"), name);
        jnode_set_str(spec, STR("serviceAccount"), name);
    }
    struct store_table *t = store_table(a->s->store, STR(""), STR("serviceaccounts"));
    if (store_get_pending(t, a->r.namespace, name))
        return TURN_GO;
    return refuse_forbidden(a, a->r.name,
                            "error looking up service account %.*s/%.*s: serviceaccount \"%.*s\" "
                            "not found",
                            STR_ARG(a->r.namespace), STR_ARG(name), STR_ARG(name));
}

const struct admission admit_service_account = {
    .name = "ServiceAccount",
    .help = "pods name an existing service account",
    .on = false,
    .mutate = mutate,
};

/* SPDX-License-Identifier: Apache-2.0
 * device — see device.h. */
#include "kube/device.h"

static const struct cel_type attributes_type = { .kind = CEL_MAP, .key = &cel_types[CEL_STRING] };
static const struct cel_type by_domain_type = { .kind = CEL_MAP,
                                                .key = &cel_types[CEL_STRING],
                                                .elem = &attributes_type };
static const struct cel_type capacities_type = { .kind = CEL_MAP,
                                                 .key = &cel_types[CEL_STRING],
                                                 .elem = &cel_types[CEL_QUANTITY] };
static const struct cel_type capacity_type = { .kind = CEL_MAP,
                                               .key = &cel_types[CEL_STRING],
                                               .elem = &capacities_type };
const struct cel_field device_cel_fields[DEVICE_CEL_FIELDS] = {
    { STR_INIT("driver"), &cel_types[CEL_STRING] },
    { STR_INIT("attributes"), &by_domain_type },
    { STR_INIT("capacity"), &capacity_type },
    { STR_INIT("allowMultipleAllocations"), &cel_types[CEL_BOOL] },
};
static const struct cel_type device_type = { .kind = CEL_OBJECT,
                                             .name = STR_INIT("kubernetes.DRADevice"),
                                             .fields = device_cel_fields,
                                             .n_fields = DEVICE_CEL_FIELDS };
static const struct cel_field vars[] = { { STR_INIT("device"), &device_type } };
const struct cel_env device_cel_env = { vars, COUNT_OF(vars), &cel_types[CEL_BOOL] };

bool device_tolerates(struct json toleration, struct json taint)
{
    struct str key = json_str(json_get(toleration, STR("key")));
    struct str effect = json_str(json_get(toleration, STR("effect")));
    bool exists = str_is(json_str(json_get(toleration, STR("operator"))), "Exists");
    if (effect.n && !str_eq(effect, json_str(json_get(taint, STR("effect")))))
        return false;
    if (key.n ? !str_eq(key, json_str(json_get(taint, STR("key")))) : !exists)
        return false;
    return exists || str_eq(json_str(json_get(toleration, STR("value"))),
                            json_str(json_get(taint, STR("value"))));
}

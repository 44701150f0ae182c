/* SPDX-License-Identifier: Apache-2.0
 * devicetaint_test — whose device gets a NoExecute taint has to go, unless its claim tolerates it,
 * and as long as it does. */
#include <stdio.h>

#include "controllers/controllers.h"
#include "controllers/test/world.h"
#include "testkit/check.h"

/* Pod p runs with gpu-0; its claim has these tolerations. */
static struct world *world_with(const char *tolerations)
{
    struct world *w = world_new(&devicetaint_controller);
    world_create(w, "resourceslices",
                 "{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceSlice\",\"metadata\":{"
                 "\"name\":\"s\"},\"spec\":{\"driver\":\"x\",\"pool\":{\"name\":\"n/0\","
                 "\"generation\":1,\"resourceSliceCount\":1},\"nodeName\":\"n\",\"devices\":[{"
                 "\"name\":\"gpu-0\"},{\"name\":\"gpu-1\"}]}}");
    const struct kobj *pod = world_create(
        w, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"p\"},"
        "\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}}");
    world_create(w, "resourceclaims",
                 "{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceClaim\",\"metadata\":{"
                 "\"namespace\":\"d\",\"name\":\"c\"},\"spec\":{},\"status\":{\"allocation\":{"
                 "\"devices\":{\"results\":[{\"request\":\"r\",\"driver\":\"x\",\"pool\":\"n/0\","
                 "\"device\":\"gpu-0\",\"tolerations\":[%s]}]}},\"reservedFor\":[{\"resource\":"
                 "\"pods\",\"name\":\"p\",\"uid\":\"%.*s\"}]}}",
                 tolerations, STR_ARG(pod->uid));
    world_run(w);
    CHECK_STR(world_log(w), "");
    return w;
}

static void taint(struct world *w, const char *device0, const char *device1)
{
    char patch[600];
    snprintf(patch, sizeof patch,
             "{\"spec\":{\"devices\":[{\"name\":\"gpu-0\",\"taints\":[%s]},{\"name\":\"gpu-1\","
             "\"taints\":[%s]}]}}",
             device0, device1);
    world_merge(w, "resourceslices", "s", patch);
    world_advance(w, 5);
}

#define SICK(effect) "{\"key\":\"sick\",\"value\":\"yes\",\"effect\":\"" effect "\"}"

static bool is_leaving(struct world *w)
{
    const struct kobj *pod = world_get(w, "pods", "d/p");
    return !pod || kobj_deleting(pod);
}

static void who_must_go(void **state)
{
    (void)state;
    static const struct {
        const char *tolerations, *device0, *device1;
        bool goes;
    } rows[] = {
        { "", SICK("NoExecute"), "", true },
        { "", SICK("NoSchedule"), "", false },
        { "", SICK("None"), "", false },
        { "", "", SICK("NoExecute"), false }, /* another device */
        { "{\"operator\":\"Exists\"}", SICK("NoExecute"), "", false },
        { "{\"key\":\"sick\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"}", SICK("NoExecute"),
          "", false },
        { "{\"key\":\"sick\",\"value\":\"no\",\"effect\":\"NoExecute\"}", SICK("NoExecute"), "",
          true },
        { "{\"key\":\"sick\",\"value\":\"yes\",\"effect\":\"NoSchedule\"}", SICK("NoExecute"), "",
          true },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world *w = world_with(rows[i].tolerations);
        taint(w, rows[i].device0, rows[i].device1);
        CHECK(is_leaving(w) == rows[i].goes);
        if (rows[i].goes)
            CHECK_STR(world_text(w, "pods", "d/p", "status.conditions.0.reason"),
                      "DeletionByDeviceTaintManager");
        world_free(w);
    }
}

static void some_are_tolerated_for_a_while(void **state)
{
    (void)state;
    struct world *w =
        world_with("{\"key\":\"sick\",\"operator\":\"Exists\",\"tolerationSeconds\":60}");
    char added[TIME_TEXT_MAX], device[200];
    struct str now = wall_text(added, world_now(w));
    snprintf(device, sizeof device,
             "{\"key\":\"sick\",\"effect\":\"NoExecute\",\"timeAdded\":\"%.*s\"}", STR_ARG(now));
    taint(w, device, "");
    world_advance(w, 40);
    CHECK(!is_leaving(w));
    world_advance(w, 30);
    CHECK(is_leaving(w));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_must_go),
        cmocka_unit_test(some_are_tolerated_for_a_while),
    };
    return CHECK_MAIN(tests);
}

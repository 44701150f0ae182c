/* SPDX-License-Identifier: Apache-2.0
 * Claims that an earlier scheduler left allocated, against a transport whose peer is the test: the
 * service keeps what a pod runs with or can still use, and asks for the release of the rest. And
 * claims on volumes, which are bound before the pod. */
#include <stdio.h>
#include <stdlib.h>

#include "client/test/fake_transport.h"
#include "io/loop.h"
#include "scheduler/service/service.h"
#include "testkit/check.h"

struct world {
    struct loop *loop;
    struct fake_transport *fake;
    struct scheduler *s;
};

static void stop(void *loop)
{
    loop_stop(loop);
}

static void run_briefly(struct world *w, int64_t ms)
{
    struct timer *t = timer_new(w->loop, stop, w->loop);
    timer_start(t, ms * NS_PER_MS);
    loop_run(w->loop);
    timer_free(t);
}

static const struct fake_call *pending(struct world *w, const char *path, size_t *at)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *c = fake_at(w->fake, i);
        if (strncmp(c->path, path, strlen(path)) == 0) {
            *at = i;
            return c;
        }
    }
    return NULL;
}

static const struct fake_call *bind_of(struct world *w)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        if (fake_at(w->fake, i)->is_bind)
            return fake_at(w->fake, i);
    }
    return NULL;
}

/* ' becomes ". Static storage, one for each place. */
static const char *quoted(size_t place, const char *text)
{
    static char out[20][2048];
    snprintf(out[place], sizeof out[place], "%s", text);
    for (char *p = out[place]; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return out[place];
}

struct given { /* objects of one list, in '…' */
    const char *path;
    const char *objects[3];
};

/* config: YAML of the scheduler; NULL: none. */
static struct world *world_configured(const char *config, const struct given *given, size_t n)
{
    static const char *const lists[] = { "namespaces",
                                         "services",
                                         "replicasets",
                                         "statefulsets",
                                         "podgroups",
                                         "replicationcontrollers",
                                         "deviceclasses",
                                         "poddisruptionbudgets",
                                         "nodes",
                                         "resourceslices",
                                         "pods",
                                         "resourceclaims",
                                         "persistentvolumes",
                                         "persistentvolumeclaims",
                                         "storageclasses",
                                         "csinodes",
                                         "csidrivers",
                                         "csistoragecapacities",
                                         "volumeattachments",
                                         "resourcereservations" };
    struct world *w = MEM_NEW(struct world);
    struct err err = { 0 };
    w->loop = loop_new(NULL);
    w->fake = fake_transport_new(w->loop);
    const struct scheduler_options o = { .config = str_from(config ? config : "") };
    w->s = scheduler_new(fake_transport_base(w->fake), &o, &err);
    CHECK_OK(w->s ? 0 : -1, err);
    scheduler_start(w->s);
    run_briefly(w, 5);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const char *objects[3];
        struct fake_page page = { .revision = 9, .objects = objects };
        size_t at;
        for (size_t k = 0; k < n; k++) {
            for (size_t j = 0; strcmp(given[k].path, lists[i]) == 0 && j < 3; j++) {
                if (given[k].objects[j])
                    objects[page.n++] = quoted(4 * k + j, given[k].objects[j]);
            }
        }
        CHECK(pending(w, lists[i], &at) != NULL);
        fake_reply_list(w->fake, at, &page);
    }
    run_briefly(w, 20);
    return w;
}

static struct world *world_new(const struct given *given, size_t n)
{
    return world_configured(NULL, given, n);
}

static void world_free(struct world *w)
{
    scheduler_free(w->s);
    CHECK_I64(fake_pending(w->fake), 0);
    fake_transport_free(w->fake);
    loop_free(w->loop);
    free(w);
}

#define NODE(name, cpu)                                                                            \
    "{'apiVersion':'v1','kind':'Node','metadata':{'name':'" name "','resourceVersion':'3'},"       \
    "'status':{'allocatable':{'cpu':'" cpu "','memory':'8Gi','pods':'10'}}}"
#define POD(name, spec)                                                                            \
    "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'" name "','uid':'u-" name \
    "','resourceVersion':'4'},'spec':{" spec "'schedulerName':'ganglion',"                         \
    "'resourceClaims':[{'name':'c','resourceClaimName':'c'}],'containers':[{'name':'c',"           \
    "'resources':{'requests':{'cpu':'2'}}}]}}"
/* On n0, reserved for these. */
#define CLAIM(users)                                                                               \
    "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{'namespace':'d',"       \
    "'name':'c','uid':'u-c','resourceVersion':'7'},'spec':{'devices':{'requests':[{'name':'r',"    \
    "'exactly':{'deviceClassName':'k'}}]}},'status':{'allocation':{'devices':{'results':[{"        \
    "'request':'r','driver':'x.example.com','pool':'n0','device':'d'}]},'nodeSelector':{"          \
    "'nodeSelectorTerms':[{'matchFields':[{'key':'metadata.name','operator':'In','values':["       \
    "'n0']}]}]}},'reservedFor':[" users "]}}"
#define USER(name) "{'resource':'pods','name':'" name "','uid':'u-" name "'}"
#define CLASS                                                                                      \
    {                                                                                              \
        "deviceclasses",                                                                           \
        {                                                                                          \
            "{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass','metadata':{'name':'k',"      \
            "'resourceVersion':'2'},'spec':{}}"                                                    \
        }                                                                                          \
    }

/* Killed between the claim and the binding: the pod goes where its devices are. */
static void test_goes_on_where_it_was(void **state)
{
    (void)state;
    const struct given given[] = { CLASS,
                                   { "nodes", { NODE("n0", "4"), NODE("n1", "4") } },
                                   { "pods", { POD("a", "") } },
                                   { "resourceclaims", { CLAIM(USER("a")) } } };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    CHECK(bind_of(w) != NULL);
    CHECK(pending(w, "resourceclaims/d/c/status", &at) == NULL);
    world_free(w);
}

/* The room there is gone: the claim is released as it was read, and the pod goes elsewhere. */
static void test_releases_what_cannot_be_used(void **state)
{
    (void)state;
    const struct given given[] = { CLASS,
                                   { "nodes", { NODE("n0", "1"), NODE("n1", "4") } },
                                   { "pods", { POD("a", "") } },
                                   { "resourceclaims", { CLAIM(USER("a")) } } };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    const struct fake_call *c = pending(w, "resourceclaims/d/c/status", &at);
    CHECK(c && !bind_of(w));
    CHECK_STR(json_text(json_root(c->body)),
              "{\"metadata\":{\"uid\":\"u-c\",\"resourceVersion\":\"7\"},\"status\":{"
              "\"allocation\":null,\"reservedFor\":null,\"devices\":null}}");
    fake_fail(w->fake, at, ERR_CONFLICT);
    run_briefly(w, 50);
    CHECK(!pending(w, "resourceclaims/d/c/status", &at)); /* not in a hurry */
    world_free(w);
}

/* Another pod runs with it, or somebody unknown has it: it stays. */
static void test_keeps_what_others_use(void **state)
{
    (void)state;
    static const char *const claims[] = { CLAIM(USER("a") "," USER("b")),
                                          CLAIM(USER("a") ",{'resource':'widgets','name':'w',"
                                                          "'uid':'u-w'}") };
    for (size_t i = 0; i < COUNT_OF(claims); i++) {
        const struct given given[] = { CLASS,
                                       { "nodes", { NODE("n0", "2"), NODE("n1", "4") } },
                                       { "pods", { POD("a", ""), POD("b", "'nodeName':'n0',") } },
                                       { "resourceclaims", { claims[i] } } };
        struct world *w = world_new(given, COUNT_OF(given));
        size_t at;
        CHECK(!pending(w, "resourceclaims/d/c/status", &at) && !bind_of(w));
        world_free(w);
    }
}

/* A pod that asks by number for what a class offers: its claim is made, then the pod told of it. */
static void test_makes_claims_of_extended_resources(void **state)
{
    (void)state;
    const struct given given[] = {
        { "deviceclasses",
          { "{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass','metadata':{'name':'k',"
            "'resourceVersion':'2'},'spec':{'extendedResourceName':'x.example.com/gpu'}}" } },
        { "nodes", { NODE("n0", "4") } },
        { "pods",
          { "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'p','uid':'u-p',"
            "'resourceVersion':'4'},'spec':{'schedulerName':'ganglion','initContainers':[{'name':"
            "'i'}],'containers':[{'name':'c','resources':{'requests':{'cpu':'1','x.example.com/gpu'"
            ":'2'}}}]}}" } }
    };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    const struct fake_call *c = pending(w, "resourceclaims/d", &at);
    CHECK(c != NULL);
    struct json claim = json_root(c->body);
    CHECK_STR(json_text(json_path(claim, "spec.devices.requests")),
              "[{\"name\":\"container-1-request-0\",\"exactly\":{\"deviceClassName\":\"k\","
              "\"allocationMode\":\"ExactCount\",\"count\":2}}]");
    CHECK_STR(json_str(json_path(claim, "metadata.ownerReferences.0.uid")), "u-p");
    struct str name = json_str(json_path(claim, "metadata.name"));
    CHECK(str_starts(name, STR("p-extended-resources-")));
    char kept[64];
    snprintf(kept, sizeof kept, "%.*s", STR_ARG(name));
    fake_reply(w->fake, at, 409, "{\"kind\":\"Status\",\"status\":\"Failure\"}");
    run_briefly(w, 20);
    c = NULL;
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        struct json body = json_root(fake_at(w->fake, i)->body);
        if (json_has(json_path(body, "status.extendedResourceClaimStatus")))
            c = fake_at(w->fake, i);
    }
    CHECK(c != NULL);
    struct json told = json_path(json_root(c->body), "status.extendedResourceClaimStatus");
    CHECK_STR_EQ(json_str(json_get(told, STR("resourceClaimName"))), str_from(kept));
    CHECK_STR(json_text(json_get(told, STR("requestMappings"))),
              "[{\"containerName\":\"c\",\"resourceName\":\"x.example.com/gpu\","
              "\"requestName\":\"container-1-request-0\"}]");
    world_free(w);
}

/* ---- volumes that are bound first ---- */

#define VOLUME(more, rv)                                                                           \
    "{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'v','uid':'u-v',"             \
    "'resourceVersion':'" rv "'},'spec':{'capacity':{'storage':'5Gi'},'storageClassName':'k',"     \
    "'accessModes':['ReadWriteOnce']" more "},'status':{'phase':'Available'}}"
#define STORED(notes, spec, rv)                                                                    \
    "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'namespace':'d','name':'c',"    \
    "'uid':'u-c','resourceVersion':'" rv "','annotations':{" notes "}},'spec':{'accessModes':["    \
    "'ReadWriteOnce'],'storageClassName':'k','resources':{'requests':{'storage':'1Gi'}}" spec "}}"
#define STORAGE_CLASS(provisioner)                                                                 \
    "{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass','metadata':{'name':'k',"              \
    "'resourceVersion':'2'},'provisioner':'" provisioner                                           \
    "','volumeBindingMode':'WaitForFirstConsumer'}"
#define STORING                                                                                    \
    "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'a','uid':'u-a',"          \
    "'resourceVersion':'4'},'spec':{'schedulerName':'ganglion','volumes':[{'name':'v',"            \
    "'persistentVolumeClaim':{'claimName':'c'}}],'containers':[{'name':'c'}]}}"

#define TOO_LARGE                                                                                  \
    "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'b','uid':'u-b',"          \
    "'resourceVersion':'4'},'spec':{'schedulerName':'ganglion','containers':[{'name':'c',"         \
    "'resources':{'requests':{'cpu':'99'}}}]}}"

static void tell(struct world *w, const char *path, const char *object)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *c = fake_at(w->fake, i);
        if (!c->is_watch || strncmp(c->path, path, strlen(path)) != 0)
            continue;
        fake_event(w->fake, i, EVENT_MODIFIED, quoted(0, object));
        return;
    }
    CHECK(false);
}

/* The write at `at` is answered, and a controller binds the claim: then the pod is bound. */
static void volume_gets_bound(struct world *w, size_t at)
{
    const char *taken = VOLUME(",'claimRef':{'namespace':'d','name':'c','uid':'u-c'}", "20");
    fake_reply(w->fake, at, 200, quoted(0, taken));
    run_briefly(w, 20);
    tell(w, "persistentvolumes/", taken);
    run_briefly(w, 20);
    CHECK(!bind_of(w)); /* the controller has not bound the claim yet */
    tell(w, "persistentvolumeclaims/",
         STORED("'pv.kubernetes.io/bind-completed':'yes'", ",'volumeName':'v'", "21"));
    run_briefly(w, 20);
    CHECK(bind_of(w) != NULL);
}

/* A volume that is there: its claimRef is written, and the pod bound when the claim is. */
static void test_binds_volumes_before_the_pod(void **state)
{
    (void)state;
    const struct given given[] = { { "nodes", { NODE("n0", "4") } },
                                   { "pods", { STORING } },
                                   { "persistentvolumes", { VOLUME("", "6") } },
                                   { "persistentvolumeclaims", { STORED("", "", "7") } },
                                   { "storageclasses",
                                     { STORAGE_CLASS("kubernetes.io/no-provisioner") } } };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    const struct fake_call *c = pending(w, "persistentvolumes//v", &at);
    CHECK(c && !bind_of(w));
    CHECK_STR(json_text(json_root(c->body)),
              "{\"metadata\":{\"uid\":\"u-v\",\"resourceVersion\":\"6\",\"annotations\":{"
              "\"pv.kubernetes.io/bound-by-controller\":\"yes\"}},\"spec\":{\"claimRef\":{"
              "\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"namespace\":\"d\","
              "\"name\":\"c\",\"uid\":\"u-c\"}}}");
    volume_gets_bound(w, at);
    world_free(w);
}

/* The same while another pod waits for room: that one's time to be tried again is not waited for.
 */
static void test_a_wait_ends_though_others_wait_longer(void **state)
{
    (void)state;
    const struct given given[] = { { "nodes", { NODE("n0", "4") } },
                                   { "pods", { TOO_LARGE, STORING } },
                                   { "persistentvolumes", { VOLUME("", "6") } },
                                   { "persistentvolumeclaims", { STORED("", "", "7") } },
                                   { "storageclasses",
                                     { STORAGE_CLASS("kubernetes.io/no-provisioner") } } };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    CHECK(pending(w, "persistentvolumes//v", &at) != NULL);
    volume_gets_bound(w, at);
    world_free(w);
}

/* A volume that is to be made: the claim is told the node; the driver gives up, and the pod is
 * placed anew. */
static void test_places_anew_when_no_volume_is_made(void **state)
{
    (void)state;
    const struct given given[] = { { "nodes", { NODE("n0", "4") } },
                                   { "pods", { STORING } },
                                   { "persistentvolumeclaims", { STORED("", "", "7") } },
                                   { "storageclasses", { STORAGE_CLASS("csi.example.com") } } };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    const struct fake_call *c = pending(w, "persistentvolumeclaims/d", &at);
    CHECK(c && !bind_of(w));
    CHECK_STR(json_text(json_root(c->body)),
              "{\"metadata\":{\"uid\":\"u-c\",\"resourceVersion\":\"7\",\"annotations\":{"
              "\"volume.kubernetes.io/selected-node\":\"n0\"}}}");
    fake_reply(w->fake, at, 200,
               quoted(0, STORED("'volume.kubernetes.io/selected-node':'n0'", "", "20")));
    tell(w, "persistentvolumeclaims/",
         STORED("'volume.kubernetes.io/selected-node':'n0'", "", "20"));
    run_briefly(w, 20);
    CHECK(!bind_of(w) && !pending(w, "persistentvolumeclaims/d", &at));
    tell(w, "persistentvolumeclaims/", STORED("", "", "21"));
    run_briefly(w, 1300); /* it is queued again after a second */
    c = pending(w, "persistentvolumeclaims/d", &at);
    CHECK(c && !bind_of(w));
    world_free(w);
}

/* ---- extenders that bind ---- */

#define EXTENDER                                                                                   \
    "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nextenders: "    \
    "[{urlPrefix: 'http://127.0.0.1:1', bindVerb: bind}]\n" /* nobody listens there */

/* The extender was asked: it does not answer. */
static bool was_asked(struct world *w)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *c = fake_at(w->fake, i);
        if (c->body &&
            str_is(json_str(json_get(json_root(c->body), STR("reason"))), "ExtenderFailed"))
            return true;
    }
    return false;
}

/* It binds the pod when its volumes are bound, as everybody. */
static void test_an_extender_binds_after_the_volumes(void **state)
{
    (void)state;
    const struct given given[] = { { "nodes", { NODE("n0", "4") } },
                                   { "pods", { STORING } },
                                   { "persistentvolumeclaims", { STORED("", "", "7") } },
                                   { "storageclasses", { STORAGE_CLASS("csi.example.com") } } };
    struct world *w = world_configured(EXTENDER, given, COUNT_OF(given));
    size_t at;
    run_briefly(w, 50);
    CHECK(pending(w, "persistentvolumeclaims/d", &at) && !was_asked(w));
    const char *bound = STORED("'volume.kubernetes.io/selected-node':'n0',"
                               "'pv.kubernetes.io/bind-completed':'yes'",
                               ",'volumeName':'v'", "20");
    fake_reply(w->fake, at, 200, quoted(0, bound));
    tell(w, "persistentvolumes/", VOLUME("", "19"));
    tell(w, "persistentvolumeclaims/", bound);
    run_briefly(w, 100);
    CHECK(was_asked(w) && !bind_of(w));
    world_free(w);
}

/* Nobody but us writes what its claims got: before the extender binds it. */
static void test_an_extender_binds_after_the_claims(void **state)
{
    (void)state;
    const struct given given[] = { CLASS,
                                   { "nodes", { NODE("n0", "4") } },
                                   { "pods", { POD("a", "") } },
                                   { "resourceclaims", { CLAIM("") } } };
    struct world *w = world_configured(EXTENDER, given, COUNT_OF(given));
    size_t at;
    run_briefly(w, 50);
    CHECK(pending(w, "resourceclaims/d/c", &at) && !was_asked(w));
    fake_reply(w->fake, at, 200, quoted(15, CLAIM("")));
    run_briefly(w, 5);
    while (pending(w, "resourceclaims/d/c", &at)) { /* finalizer, status */
        fake_reply(w->fake, at, 200, quoted(15, CLAIM(USER("a"))));
        run_briefly(w, 5);
    }
    run_briefly(w, 100);
    CHECK(was_asked(w) && !bind_of(w));
    world_free(w);
}

/* ---- devices that are made ready first ---- */

#define FABRIC                                                                                     \
    {                                                                                              \
        "resourceslices",                                                                          \
        {                                                                                          \
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':'s',"    \
            "'resourceVersion':'2'},'spec':{'driver':'x.example.com','pool':{'name':'p',"          \
            "'generation':1,'resourceSliceCount':1},'allNodes':true,'devices':[{'name':'d0',"      \
            "'bindsToNode':true,'bindingConditions':['Ready'],'bindingFailureConditions':["        \
            "'Broken']},{'name':'d1','bindsToNode':true,'bindingConditions':['Ready'],"            \
            "'bindingFailureConditions':['Broken']}]}}"                                            \
        }                                                                                          \
    }
#define FABRIC_CLAIM(revision, status)                                                             \
    "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{'namespace':'d',"       \
    "'name':'c','uid':'u-c','resourceVersion':'" revision "','finalizers':["                       \
    "'resource.kubernetes.io/delete-protection']},'spec':{'devices':{'requests':[{'name':'r',"     \
    "'exactly':{'deviceClassName':'k'}}]}},'status':{" status "}}"
#define FABRIC_HELD(device, at)                                                                    \
    "'allocation':{'allocationTimestamp':'" at "','devices':{'results':[{'request':'r','driver':"  \
    "'x.example.com','pool':'p','device':'" device "','bindingConditions':['Ready'],"              \
    "'bindingFailureConditions':['Broken']}]},'nodeSelector':{'nodeSelectorTerms':[{"              \
    "'matchFields':[{'key':'metadata.name','operator':'In','values':['n0']}]}]}},"                 \
    "'reservedFor':[" USER("a") "]"
#define FABRIC_SAYS(device, type)                                                                  \
    ",'devices':[{'driver':'x.example.com','pool':'p','device':'" device "','conditions':[{"       \
    "'type':'" type "','status':'True'}]}]"
#define LATER "2099-01-01T00:00:00Z" /* a clock ahead of ours: the time is not over */

/* One pod, whose claim is on the wire; it is told that the claim is written, with device d0. */
static struct world *fabric_world(void)
{
    const struct given given[] = { CLASS,
                                   FABRIC,
                                   { "nodes", { NODE("n0", "4") } },
                                   { "pods", { POD("a", "") } },
                                   { "resourceclaims", { FABRIC_CLAIM("7", "") } } };
    struct world *w = world_new(given, COUNT_OF(given));
    size_t at;
    CHECK(!bind_of(w));
    CHECK(pending(w, "resourceclaims/d/c", &at) != NULL);
    fake_reply(w->fake, at, 200, quoted(15, FABRIC_CLAIM("7", "")));
    run_briefly(w, 5);
    const struct fake_call *c = pending(w, "resourceclaims/d/c/status", &at);
    CHECK(c != NULL);
    struct json allocation = json_path(json_root(c->body), "status.allocation");
    CHECK_STR(json_text(json_path(allocation, "devices.results.0.bindingConditions")),
              "[\"Ready\"]");
    CHECK(json_str(json_get(allocation, STR("allocationTimestamp"))).n == 20);
    fake_reply(w->fake, at, 200, quoted(15, FABRIC_CLAIM("11", FABRIC_HELD("d0", LATER))));
    run_briefly(w, 5);
    CHECK(!bind_of(w));
    return w;
}

static void claim_says(struct world *w, const char *claim)
{
    size_t at = 0;
    while (at < fake_pending(w->fake) &&
           !(fake_at(w->fake, at)->is_watch &&
             strncmp(fake_at(w->fake, at)->path, "resourceclaims/", 15) == 0))
        at++;
    CHECK(at < fake_pending(w->fake));
    fake_event(w->fake, at, EVENT_MODIFIED, quoted(15, claim));
    run_briefly(w, 20);
}

static void test_binds_when_devices_are_ready(void **state)
{
    (void)state;
    struct world *w = fabric_world();
    claim_says(w, FABRIC_CLAIM("11", FABRIC_HELD("d0", LATER)));
    CHECK(!bind_of(w));
    claim_says(w, FABRIC_CLAIM("12", FABRIC_HELD("d0", LATER) FABRIC_SAYS("d0", "Ready")));
    CHECK(bind_of(w) != NULL);
    world_free(w);
}

/* A failure, or a time that is over: the claim is released, and the next choice is another. */
static void test_unready_devices_are_given_back(void **state)
{
    (void)state;
    static const char *const ends[] = {
        FABRIC_CLAIM("12", FABRIC_HELD("d0", LATER) FABRIC_SAYS("d0", "Broken")),
        FABRIC_CLAIM("12", FABRIC_HELD("d0", "2020-01-01T00:00:00Z")),
    };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct world *w = fabric_world();
        size_t at;
        claim_says(w, ends[i]);
        CHECK(!bind_of(w));
        run_briefly(w, 1100);
        const struct fake_call *c = pending(w, "resourceclaims/d/c/status", &at);
        CHECK(c != NULL);
        CHECK_STR(json_text(json_path(json_root(c->body), "status.allocation")), "null");
        fake_reply(w->fake, at, 200, quoted(15, FABRIC_CLAIM("13", "")));
        claim_says(w, FABRIC_CLAIM("13", ""));
        run_briefly(w, 2100);
        CHECK(pending(w, "resourceclaims/d/c", &at) != NULL);
        fake_reply(w->fake, at, 200, quoted(15, FABRIC_CLAIM("13", "")));
        run_briefly(w, 5);
        c = pending(w, "resourceclaims/d/c/status", &at);
        CHECK(c != NULL);
        CHECK_STR(
            json_str(json_path(json_root(c->body), "status.allocation.devices.results.0.device")),
            "d1");
        world_free(w);
    }
}

/* A node that offers GPUs in two ways, and nobody says which are the same: it hears of it. */
static void test_tells_of_gpus_in_two_ways(void **state)
{
    (void)state;
    const struct given given[] = {
        { "nodes",
          { "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n0','resourceVersion':'3'},"
            "'status':{'allocatable':{'cpu':'4','pods':'10','nvidia.com/gpu':'2'}}}" } },
        { "resourceslices",
          { "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':'s',"
            "'resourceVersion':'2'},'spec':{'driver':'gpu.nvidia.com','pool':{'name':'n0',"
            "'generation':1,'resourceSliceCount':1},'nodeName':'n0','devices':[{'name':'g'}]}}" } },
        { "pods", { POD("a", "") } } /* somebody asks for devices */
    };
    struct world *w = world_new(given, COUNT_OF(given));
    bool told = false;
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        struct json body = json_root(fake_at(w->fake, i)->body);
        told = told || str_is(json_str(json_get(body, STR("reason"))), "GPUsInTwoWays");
    }
    CHECK(told);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_where_it_was),
        cmocka_unit_test(test_releases_what_cannot_be_used),
        cmocka_unit_test(test_keeps_what_others_use),
        cmocka_unit_test(test_makes_claims_of_extended_resources),
        cmocka_unit_test(test_binds_volumes_before_the_pod),
        cmocka_unit_test(test_a_wait_ends_though_others_wait_longer),
        cmocka_unit_test(test_places_anew_when_no_volume_is_made),
        cmocka_unit_test(test_an_extender_binds_after_the_volumes),
        cmocka_unit_test(test_an_extender_binds_after_the_claims),
        cmocka_unit_test(test_tells_of_gpus_in_two_ways),
        cmocka_unit_test(test_binds_when_devices_are_ready),
        cmocka_unit_test(test_unready_devices_are_given_back),
    };
    return CHECK_MAIN(tests);
}

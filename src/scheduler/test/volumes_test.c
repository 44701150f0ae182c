/* SPDX-License-Identifier: Apache-2.0
 * Volumes in the core: promises go back with a gang, events wake those that wait for storage, and a
 * sample of nodes is what percentageOfNodesToScore says. What each plugin answers is replayed from
 * the real ones (sim/test/oracle_files_test.c). */
#include "scheduler/config/config.h"
#include "scheduler/test/fixture.h"
#include "scheduler/volumes/volumes.h"

static void storage(struct sched_core *s, const char *text, int64_t t)
{
    AUTO(kobj_unrefp) struct kobj *o = fixture_object("%s", text);
    core_storage_changed(s, o, false, at_s(t));
}

static void pod(struct sched_core *s, const char *name, const char *claim, const char *group)
{
    char spec[256], meta[256];
    snprintf(spec, sizeof spec,
             ",'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'%s'}}]", claim);
    snprintf(meta, sizeof meta, ",'labels':{%s}", group);
    fixture_pod(s, (struct fixture_pod){ .name = name, .spec = spec, .meta = meta }, at_s(1));
}

static void claim(struct sched_core *s, const char *name, const char *mode, int64_t t)
{
    AUTO(kobj_unrefp)
    struct kobj *o =
        fixture_object("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'namespace':"
                       "'default','name':'%s','uid':'u-%s','resourceVersion':'3'},'spec':{"
                       "'storageClassName':'k','accessModes':['%s'],'resources':{'requests':{"
                       "'storage':'1Gi'}}}}",
                       name, name, mode);
    core_storage_changed(s, o, false, at_s(t));
}

static void volume(struct sched_core *s, const char *name, int64_t t)
{
    AUTO(kobj_unrefp)
    struct kobj *o =
        fixture_object("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s',"
                       "'uid':"
                       "'u-%s','resourceVersion':'4'},'spec':{'storageClassName':'k','capacity':{"
                       "'storage':'2Gi'},'accessModes':['ReadWriteOnce','ReadWriteOncePod']},"
                       "'status':{'phase':'Available'}}",
                       name, name);
    core_storage_changed(s, o, false, at_s(t));
}

static void wait_class(struct sched_core *s)
{
    storage(s,
            "{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass','metadata':{"
            "'name':'k'},'provisioner':'kubernetes.io/no-provisioner',"
            "'volumeBindingMode':'WaitForFirstConsumer'}",
            1);
}

static struct sched_core *with_class(void)
{
    struct sched_core *s = core_new_default();
    fixture_node(s, "n0", "", "");
    wait_class(s);
    return s;
}

static size_t drain(struct sched_core *s, int64_t t)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    size_t bound = 0;
    do {
        core_step(s, at_s(t), a, &d);
        bound += d.kind == DECISION_BIND ? d.n : 0;
        arena_reset(a);
    } while (d.kind != DECISION_NONE);
    return bound;
}

static bool is_placed(struct sched_core *s, const char *name)
{
    const struct spod *p = core_pod(s, STR("default"), str_from(name));
    return p && p->node >= 0;
}

#define GANG                                                                                       \
    "'pod-group.scheduling.sigs.k8s.io/name':'g','pod-group.scheduling.sigs.k8s.io/"               \
    "min-available':'2'"

/* One volume for two members: none of them gets it, and somebody else can. */
static void test_promises_go_back_with_a_gang(void **state)
{
    (void)state;
    struct sched_core *s = with_class();
    volume(s, "v0", 1);
    claim(s, "c0", "ReadWriteOnce", 1);
    claim(s, "c1", "ReadWriteOnce", 1);
    claim(s, "other", "ReadWriteOnce", 1);
    pod(s, "a", "c0", GANG);
    pod(s, "b", "c1", GANG);
    CHECK_I64(drain(s, 1), 0);
    pod(s, "lone", "other", "");
    CHECK_I64(drain(s, 2), 1);
    CHECK(is_placed(s, "lone"));
    const struct spod *p = core_pod(s, STR("default"), STR("lone"));
    AUTO(arena_freep) struct arena *a = arena_new();
    size_t n;
    const struct volume_write *w = volumes_writes(p, STR("n0"), a, &n);
    CHECK_I64(n, 1);
    CHECK_STR(w->volume, "v0");
    CHECK(w->by_us && !w->done);
    volume(s, "v1", 3);
    volume(s, "v2", 3);
    CHECK_I64(drain(s, 400), 2);
    core_free(s);
}

/* The hash sees promises, of volumes that are there and of those to be made: a property test that
 * compares hashes would miss what it does not see. */
static void test_the_hash_sees_promises(void **state)
{
    (void)state;
    for (int made = 0; made < 2; made++) {
        struct sched_core *s = with_class();
        struct snapshot *snap = &core_cluster(s)->snap;
        if (made)
            storage(s,
                    "{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass','metadata':{'name':"
                    "'k'},'provisioner':'csi.example.com','volumeBindingMode':"
                    "'WaitForFirstConsumer'}",
                    1);
        else
            volume(s, "v0", 1);
        claim(s, "c0", "ReadWriteOnce", 1);
        pod(s, "a", "c0", "");
        struct spod *p = snap->pods.items[core_pod(s, STR("default"), STR("a"))->id];
        uint64_t before = volumes_hash(snap->volumes), whole = snapshot_hash(snap);
        size_t mark = snapshot_mark(snap);
        snapshot_place(snap, p, &(struct placement){ .node = 0 });
        CHECK(volumes_hash(snap->volumes) != before);
        snapshot_rollback(snap, mark);
        CHECK(volumes_hash(snap->volumes) == before && snapshot_hash(snap) == whole);
        core_free(s);
    }
}

/* What a bind that was refused had promised is free at once. */
static void test_a_refused_bind_frees_its_volume(void **state)
{
    (void)state;
    struct sched_core *s = with_class();
    volume(s, "v0", 1);
    claim(s, "c0", "ReadWriteOnce", 1);
    claim(s, "c1", "ReadWriteOnce", 1);
    pod(s, "a", "c0", "");
    CHECK_I64(drain(s, 1), 1);
    pod(s, "b", "c1", "");
    CHECK_I64(drain(s, 2), 0);
    AUTO(kobj_unrefp)
    struct kobj *o = kobj_ref(core_pod(s, STR("default"), STR("a"))->obj);
    const struct pod_id id = { o->namespace, o->name, o->uid };
    core_forget(s, &id, 1, at_s(3));
    CHECK_I64(drain(s, 3), 1);
    CHECK(is_placed(s, "b"));
    core_free(s);
}

static void test_events_wake_those_that_wait_for_storage(void **state)
{
    (void)state;
    struct sched_core *s = with_class();
    pod(s, "a", "late", "");
    CHECK_I64(drain(s, 1), 0);
    CHECK(str_starts(core_pod(s, STR("default"), STR("a"))->gang->message,
                     STR("0/1 nodes are available: persistentvolumeclaim \"late\" not found.")));
    claim(s, "late", "ReadWriteOncePod", 20);
    CHECK_I64(drain(s, 40), 0); /* no volume */
    volume(s, "v0", 41);
    CHECK_I64(drain(s, 80), 1);
    pod(s, "b", "late", ""); /* a claim for one pod */
    CHECK_I64(drain(s, 81), 0);
    core_pod_del(s, STR("default"), STR("a"), at_s(100));
    CHECK_I64(drain(s, 150), 1);
    CHECK(is_placed(s, "b"));
    core_free(s);
}

/* Three nodes with a local volume each: the one that would be used most is taken. */
static void test_a_shape_scores_by_use(void **state)
{
    (void)state;
    static const char config[] =
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
        "profiles:\n- schedulerName: default-scheduler\n"
        "  plugins: {score: {disabled: [{name: '*'}], enabled: [{name: VolumeBinding}]}}\n"
        "  pluginConfig:\n  - name: VolumeBinding\n"
        "    args: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}\n";
    static const char *const sizes[] = { "10Gi", "2Gi", "5Gi" };
    struct sched_config c;
    struct err err = { 0 };
    CHECK_OK(sched_config_parse(&c, str_from(config), &err), err);
    struct sched_core *s = core_new(c.profiles, c.n);
    c.n = 0; /* the core has them */
    sched_config_fini(&c);
    wait_class(s);
    for (int i = 0; i < 3; i++) {
        char name[16], labels[64];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(labels, sizeof labels, ",'labels':{'kubernetes.io/hostname':'n%d'}", i);
        fixture_node(s, name, labels, "");
        AUTO(kobj_unrefp)
        struct kobj *o = fixture_object(
            "{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'v%d'},'spec':{"
            "'storageClassName':'k','capacity':{'storage':'%s'},'accessModes':['ReadWriteOnce'],"
            "'nodeAffinity':{'required':{'nodeSelectorTerms':[{'matchExpressions':[{'key':"
            "'kubernetes.io/hostname','operator':'In','values':['n%d']}]}]}}},"
            "'status':{'phase':'Available'}}",
            i, sizes[i], i);
        core_storage_changed(s, o, false, at_s(1));
    }
    claim(s, "c0", "ReadWriteOnce", 1);
    const struct fixture_pod pod = {
        .name = "a",
        .scheduler = "default-scheduler",
        .spec = ",'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'c0'}}]"
    };
    fixture_pod(s, pod, at_s(1));
    CHECK_I64(drain(s, 1), 1);
    CHECK_STR(fixture_where(s, "a"), "n1");
    core_free(s);
}

/* Of 300 nodes two are better than all others, one in each half: a pod gets that of the half at
 * which it looks. */
static void test_a_sample_takes_turns(void **state)
{
    (void)state;
    struct profile *p = profile_new(STR("default-scheduler"));
    p->sample_percent = 50;
    struct sched_core *s = core_new(&p, 1);
    for (int i = 0; i < 300; i++) {
        AUTO(kobj_unrefp)
        struct kobj *o = fixture_object(
            "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n%d'},'status':{'allocatable':{"
            "'cpu':'%s','memory':'16Gi','pods':'110'}}}",
            i, i == 70 || i == 230 ? "64" : "4");
        core_node_set(s, o, at_s(1));
    }
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%d", i);
        const struct fixture_pod pod = {
            .name = name, .cpu = "2", .mem = "1Mi", .scheduler = "default-scheduler"
        };
        fixture_pod(s, pod, at_s(2));
        CHECK_I64(drain(s, 2), 1);
        CHECK_STR_EQ(fixture_where(s, name), i % 2 ? STR("n230") : STR("n70"));
    }
    core_free(s);
}

/* What was read of a claim goes with it, though pods still name it. */
static void test_a_claim_that_is_gone_says_nothing(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = with_class();
    claim(s, "c0", "ReadWriteOncePod", 1);
    pod(s, "p", "c0", "");
    CHECK_I64(drain(s, 1), 0); /* no volume for it */
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'v1','kind':'PersistentVolumeClaim',"
                                    "'metadata':{'namespace':'default','name':'c0'}}");
    core_storage_changed(s, o, true, at_s(2));
    struct str why;
    size_t n;
    CHECK(!volumes_zones(core_pod(s, STR("default"), STR("p")), a, &n, &why));
    CHECK_STR(why, "persistentvolumeclaim \"c0\" not found");
    fixture_node(s, "n1", "", "");
    CHECK_I64(drain(s, 20), 0);
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_go_back_with_a_gang),
        cmocka_unit_test(test_the_hash_sees_promises),
        cmocka_unit_test(test_a_refused_bind_frees_its_volume),
        cmocka_unit_test(test_events_wake_those_that_wait_for_storage),
        cmocka_unit_test(test_a_claim_that_is_gone_says_nothing),
        cmocka_unit_test(test_a_shape_scores_by_use),
        cmocka_unit_test(test_a_sample_takes_turns),
    };
    return CHECK_MAIN(tests);
}

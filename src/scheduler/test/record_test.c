/* SPDX-License-Identifier: Apache-2.0
 * Records: every line reads back as what was heard; what may be secret is not in them; and a core
 * that hears a record decides as the recorded one did, which heard the whole objects. */
#include "scheduler/record/record.h"
#include "scheduler/test/fixture.h"

#define ROUNDS 1200
#define PODS 120
#define NODES 5
#define TEXT_MAX (64u << 20)

/* ---- lines ---- */

static void check_round_trip(const struct core_input *in)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct buf first, second;
    struct record_line l;
    struct err err = { 0 };
    buf_init(&first, TEXT_MAX);
    buf_init(&second, TEXT_MAX);
    record_input(&first, in);
    CHECK(first.n > 0 && first.p[first.n - 1] == '\n');
    CHECK_OK(record_parse(&l, a, str_take(buf_view(&first), first.n - 1), &err), err);
    CHECK_I64(l.input.kind, in->kind);
    CHECK_I64(l.input.now.ns, in->now.ns);
    record_input(&second, &l.input);
    CHECK_STR_EQ(buf_view(&second), buf_view(&first));
    record_line_fini(&l);
    buf_fini(&first);
    buf_fini(&second);
}

static void test_every_input_reads_back(void **state)
{
    (void)state;
    AUTO(kobj_unrefp)
    struct kobj *obj = fixture_object("{'apiVersion':'v1','kind':'X','metadata':{'namespace':'a',"
                                      "'name':'b','resourceVersion':'7'},'spec':{'x':1}}");
    const struct pod_id ids[] = { { STR("a"), STR("b"), STR("u1") },
                                  { STR("a"), STR("\"c\n"), STR("") } };
    AUTO(json_doc_unrefp) struct json_doc *places = NULL, *eviction = NULL;
    CHECK(json_parse(&eviction, STR("{\"victims\":[]}"), &json_limits_own, NULL) == 0);
    CHECK(json_parse(&places, STR("[{\"node\":\"n\"}]"), &json_limits_own, NULL) == 0);
    struct extender_answer *answer = extender_answer_new();
    answer->nodes = ARENA_ARRAY(answer->a, struct extender_node, 1);
    answer->nodes[answer->n++] = (struct extender_node){
        .name = STR("n"), .verdict = SCHED_UNRESOLVABLE, .why = STR("no"), .score = -4
    };
    struct extender_victim leaving[] = { { STR("u1"), true }, { STR("u2"), false } };
    struct extender_offer offers[] = { { STR("n"), leaving, 2, 1 }, { STR("o"), leaving, 1, 0 } };
    answer->of_victims = true;
    answer->offers = offers;
    answer->n_offers = COUNT_OF(offers);
    answer->error = STR("late");
    for (int kind = 0; kind < INPUT_STEP; kind++) {
        struct core_input in = { .kind = (enum input_kind)kind,
                                 .now = { 123456789012345 + kind },
                                 .obj = obj,
                                 .gone = kind % 2,
                                 .pods = ids,
                                 .n_pods = kind == INPUT_FORGET ? 2 : 1,
                                 .answer = answer,
                                 .claim = { STR("a"), STR("b"), STR("u") },
                                 .revision = 99,
                                 .gang = STR("a/g"),
                                 .places = json_root(kind >= INPUT_EVICTION ? eviction : places),
                                 .until = { -5 },
                                 .wall = { 6 } };
        check_round_trip(&in);
    }
    extender_answer_free(answer);
}

static void test_header(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *config = NULL;
    struct err err = { 0 };
    struct record_line l;
    struct buf b;
    buf_init(&b, TEXT_MAX);
    CHECK_OK(
        record_config(&config,
                      STR("kind: KubeSchedulerConfiguration\nextenders:\n- urlPrefix: http://x\n"
                          "  tlsConfig: {keyData: c2VjcmV0}\n"),
                      &err),
        err);
    const struct record_header h = { .source = RECORD_BY_WATCH,
                                     .mono = { 17 },
                                     .wall = { 18 },
                                     .seed = UINT64_MAX,
                                     .config = json_root(config) };
    record_header(&b, &h);
    CHECK(str_find(buf_view(&b), STR("c2VjcmV0")) < 0);
    CHECK_OK(record_parse(&l, a, str_take(buf_view(&b), b.n - 1), &err), err);
    CHECK(l.is_header && l.header.source == RECORD_BY_WATCH && l.header.seed == UINT64_MAX);
    CHECK_I64(l.header.mono.ns, 17);
    CHECK_I64(l.header.wall.ns, 18);
    CHECK_STR_EQ(json_text(l.header.config), json_text(json_root(config)));
    record_line_fini(&l);
    buf_fini(&b);
}

static void test_wrong_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } rows[] = {
        { "", "line 1" },
        { "{", "line 1" },
        { "[]", "t: wants" },
        { "{'ganglionRecord':2}", "ganglionRecord: version 2; this program reads 1" },
        { "{'ganglionRecord':1}", "source: wants" },
        { "{'ganglionRecord':1,'source':'me','mono':1,'wall':1,'seed':'1'}", "source: wants" },
        { "{'ganglionRecord':1,'source':'watch','mono':1,'wall':1,'seed':'x'}", "seed: wants" },
        { "{'ganglionRecord':1,'source':'watch','mono':1,'wall':1,'seed':'1','config':3}",
          "config: wants" },
        { "{'t':-1,'in':'node'}", "t: wants" },
        { "{'t':9223372036854775807,'in':'node'}", "t: wants" },
        { "{'t':1}", "in: wants" },
        { "{'t':1,'in':'nod'}", "in: there is no input \"nod\"" },
        { "{'t':1,'in':'node'}", "obj: wants" },
        { "{'t':1,'in':'node','obj':{'kind':'Node'}}", "obj: wants" },
        { "{'t':1,'in':'pod','obj':{'kind':'Pod','metadata':{'name':'p'}}}", "obj: wants" },
        { "{'t':1,'in':'node','obj':{'kind':3}}", "obj: " },
        { "{'t':1,'in':'forget','pods':[]}", "pods: wants" },
        { "{'t':1,'in':'forget','pods':[{'namespace':'a','name':'b'}]}", "pods[0]: uid: wants" },
        { "{'t':1,'in':'answer','pods':[{'namespace':'a','name':'b','uid':'c'}],"
          "'answer':{'nodes':[{'name':'n','verdict':9}]}}",
          "answer.nodes: wants" },
        { "{'t':1,'in':'claim-answer','revision':1,'claim':{}}", "namespace: wants" },
        { "{'t':1,'in':'places','gang':'g','places':[],'until':'x'}", "until: wants" },
        { "{'t':1,'in':'places','gang':'g','until':1}", "places: wants" },
        { "{'t':1,'in':'eviction','gang':'g','places':[],'until':1}", "places: wants an object" },
        { "{'t':1,'in':'clock'}", "wall: wants" },
    };
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[400];
        struct err err = { 0 };
        struct record_line l;
        snprintf(text, sizeof text, "%s", rows[i].line);
        for (char *p = text; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        CHECK_FAILS(record_parse(&l, a, str_from(text), &err), err, ERR_INVALID);
        CHECK_STR_EQ(str_take(str_from(err.msg), strlen(rows[i].says)), str_from(rows[i].says));
    }
}

/* ---- what is left out ---- */

static void test_secrets_stay_out(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp)
    struct kobj *pod = fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'p','managedFields':"
        "[{'manager':'hidden'}],'annotations':{'kubectl.kubernetes.io/last-applied-configuration':"
        "'hidden','keep':'kept-1'}},'spec':{'nodeName':'kept-2','containers':[{'name':'c',"
        "'image':'kept-3','command':['hidden'],'args':['hidden'],'env':[{'name':'A','value':"
        "'hidden'}],'envFrom':[{'secretRef':{'name':'hidden'}}],'livenessProbe':{'exec':"
        "{'command':['hidden']}},'lifecycle':{'x':'hidden'},'tomorrow':'hidden','resources':"
        "{'requests':{'kept-4':'1'}}}],'initContainers':[{'name':'i','args':['hidden']}],"
        "'ephemeralContainers':[{'name':'hidden'}],'volumes':[{'name':'v','csi':{'x':'hidden'},"
        "'image':{'reference':'kept-5'}}]},'status':{'phase':'kept-6','message':"
        "'hidden','containerStatuses':[{'name':'c','state':{'terminated':{'message':'hidden'}}}],"
        "'conditions':[{'type':'kept-7','message':'hidden'}]}}");
    AUTO(kobj_unrefp)
    struct kobj *set = fixture_object(
        "{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'namespace':'d','name':'r'},"
        "'spec':{'selector':{'matchLabels':{'a':'kept-8'}},'template':{'spec':'hidden'}}}");
    struct buf b;
    buf_init(&b, TEXT_MAX);
    jnode_write(&b, record_strip(a, INPUT_POD, pod));
    jnode_write(&b, record_strip(a, INPUT_REPLICASET, set));
    CHECK(str_find(buf_view(&b), STR("hidden")) < 0);
    for (int i = 1; i <= 8; i++) {
        char word[16];
        snprintf(word, sizeof word, "kept-%d", i);
        CHECK(str_find(buf_view(&b), str_from(word)) >= 0);
    }
    buf_fini(&b);
}

/* ---- a record decides again ---- */

struct world {
    struct sched_core *s;
    struct arena *a;
    struct buf record, said; /* lines; decisions, one a line */
    struct mono now;
    struct kobj *pods[PODS]; /* as the API has them; NULL: none */
    unsigned made;
};

static void hear(struct world *w, const struct core_input *in)
{
    struct core_input full = *in;
    full.now = w->now;
    record_input(&w->record, &full);
    core_hear(w->s, &full, NULL);
}

static void hear_object(struct world *w, enum input_kind kind, const struct kobj *o, bool gone)
{
    hear(w, &(struct core_input){ .kind = kind, .obj = o, .gone = gone });
}

static void note_decision(struct buf *said, struct sched_core *s, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *n = record_decision(a, s, d);
    if (n)
        jnode_write(said, n);
    buf_char(said, '\n');
}

static void set_node(struct world *w, bool gone)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n%u'},'status':{'conditions':[{"
        "'type':'Ready','status':'True','message':'m'}],'nodeInfo':{'a':'b'},'allocatable':{"
        "'cpu':'16','memory':'64Gi','pods':'110','nvidia.com/gpu':'%u'}}}",
        (unsigned)check_random_below(NODES), 4 + 4 * (unsigned)check_random_below(2));
    hear_object(w, INPUT_NODE, o, gone);
}

static struct kobj *pod_object(unsigned id, unsigned made, const char *status)
{
    unsigned gang = id / 4, cpu = 1 + gang % 3;
    char level[64] = "";
    if (gang % 3 == 0)
        snprintf(level, sizeof level, "'resources':{'requests':{'cpu':'%u'}},", cpu + 1);
    return fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default','name':'p%u','uid':"
        "'u%u-%u','labels':{'pod-group.scheduling.kubenexus.io/name':'g%u',"
        "'pod-group.scheduling.kubenexus.io/min-available':'%u'},'annotations':{"
        "'scheduling.ganglion.io/run-time':'%us'}},'spec':{%s'schedulerName':'ganglion','priority':"
        "%u,'containers':[{'name':'c','image':'i','env':[{'name':'A','value':'secret%u'}],'args':"
        "['%u'],'resources':{'requests':{'cpu':'%u','memory':'1Gi','nvidia.com/gpu':'%u'}}}],"
        "'volumes':[{'name':'v','secret':{'secretName':'x%u'}}]%s}",
        id, id, made, gang, 1 + gang % 4, 1 + gang * 7 % 90, level, gang % 5 ? 0 : 100, id, id, cpu,
        1 + gang % 4, id, status);
}

static void set_pod(struct world *w, unsigned id, const char *status)
{
    struct kobj *o = pod_object(id, w->made, status);
    hear_object(w, INPUT_POD, o, false);
    kobj_unref(w->pods[id]);
    w->pods[id] = o;
}

static void drop_pod(struct world *w, unsigned id)
{
    if (!w->pods[id])
        return;
    hear_object(w, INPUT_POD, w->pods[id], true);
    kobj_unref(TAKE(w->pods[id]));
    w->made++;
}

/* The API says of each pod of the plan where it is, or refuses all. */
static void carry_out(struct world *w, const struct decision *d)
{
    bool refuse = check_random_below(8) == 0;
    struct pod_id ids[64];
    char where[64][80];
    unsigned numbers[64];
    size_t n = d->kind == DECISION_BIND && d->n <= 64 ? d->n : 0;
    for (size_t i = 0; i < n; i++) {
        const struct kobj *o = d->items[i].pod->obj;
        numbers[i] = (unsigned)strtoul(o->name.p + 1, NULL, 10);
        ids[i] = (struct pod_id){ o->namespace, o->name, o->uid };
        snprintf(where[i], sizeof where[i], ",'nodeName':'%.*s'},'status':{'phase':'Running'}",
                 STR_ARG(core_cluster(w->s)->snap.nodes.items[d->items[i].where.node]->name));
    }
    if (n && refuse)
        hear(w, &(struct core_input){ .kind = INPUT_FORGET, .pods = ids, .n_pods = n });
    for (size_t i = 0; i < n && !refuse; i++) {
        unsigned made = w->made;
        w->made = (unsigned)strtoul(strchr(w->pods[numbers[i]]->uid.p, '-') + 1, NULL, 10);
        set_pod(w, numbers[i], where[i]);
        w->made = made;
    }
    for (size_t i = 0; d->kind == DECISION_PREEMPT && i < d->n_victims; i++)
        numbers[i % 64] = (unsigned)strtoul(d->victims[i]->obj->name.p + 1, NULL, 10);
    size_t victims = d->kind == DECISION_PREEMPT && d->n_victims <= 64 ? d->n_victims : 0;
    for (size_t i = 0; i < victims; i++)
        drop_pod(w, numbers[i]);
}

static void step(struct world *w)
{
    struct decision d;
    do {
        arena_reset(w->a);
        core_step(w->s, w->now, w->a, &d);
        record_step(&w->record, w->s, w->now, &d);
        note_decision(&w->said, w->s, &d);
        carry_out(w, &d);
    } while (d.kind != DECISION_NONE);
}

static void act(struct world *w)
{
    unsigned id = (unsigned)check_random_below(PODS);
    const struct kobj *old = w->pods[id];
    const struct pod_id why = { STR("default"), old ? old->name : STR("p0"), STR("") };
    switch (check_random_below(9)) {
    case 0:
        set_node(w, check_random_below(4) == 0);
        break;
    case 1:
        drop_pod(w, id);
        break;
    case 2:
        if (old && pod_of(old)->node_name.n)
            drop_pod(w, id);
        break;
    case 3:
        hear(w, &(struct core_input){ .kind = INPUT_WHY, .pods = &why, .n_pods = 1 });
        break;
    case 4:
        hear(w, &(struct core_input){ .kind = INPUT_CLOCK, .wall = { w->now.ns + 5 } });
        break;
    default:
        for (unsigned i = id / 4 * 4; i < id / 4 * 4 + 4; i++) {
            if (!w->pods[i])
                set_pod(w, i, "},'status':{'phase':'Pending'}");
        }
    }
}

/* Each line of the record, heard by a core of its own; what that one decides. */
static void replay(struct buf *said, struct str record)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_new_default();
    while (record.n) {
        struct str text = str_split(&record, '\n');
        struct err err = { 0 };
        struct record_line l;
        arena_reset(a);
        CHECK_OK(record_parse(&l, a, text, &err), err);
        if (l.input.kind == INPUT_STEP) {
            struct decision d;
            core_step(s, l.input.now, a, &d);
            note_decision(said, s, &d);
        } else {
            core_hear(s, &l.input, NULL);
        }
        record_line_fini(&l);
    }
    core_free(s);
}

static void test_a_record_decides_again(void **state)
{
    (void)state;
    struct world w = { .s = core_new_default(), .a = arena_new() };
    struct buf again;
    buf_init(&w.record, TEXT_MAX);
    buf_init(&w.said, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    for (unsigned i = 0; i < NODES; i++)
        set_node(&w, false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        act(&w);
        w.now.ns += (int64_t)check_random_below(2 * NS_PER_S);
        if (check_random_below(3) == 0)
            step(&w);
    }
    CHECK(core_count(w.s).bound_pods > 50);
    CHECK(str_find(buf_view(&w.record), STR("secret")) < 0);
    replay(&again, buf_view(&w.record));
    CHECK_STR_EQ(buf_view(&again), buf_view(&w.said));
    for (unsigned i = 0; i < PODS; i++)
        kobj_unref(w.pods[i]);
    core_free(w.s);
    arena_free(w.a);
    buf_fini(&w.record);
    buf_fini(&w.said);
    buf_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_input_reads_back),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_secrets_stay_out),
        cmocka_unit_test(test_a_record_decides_again),
    };
    return CHECK_MAIN(tests);
}

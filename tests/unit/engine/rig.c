#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct rig rig;

static const char text[] =
    "service: s\nproxy: \"unix:p\"\nstore: {file: s}\nreplicas: 3\nstate: disposable\n"
    "drain: 1s\nprogress: 20s\n"
    "builds: {\"1\": {command: [a]}, \"2\": {command: [b]}, bad: {command: [c]}}\n"
    "versions: {blue: {build: \"1\", ports: [1, 2, 3], data: d/b}, green: {ports: [11, 12, 13], "
    "data: d/g}}\n";

static uint64_t now(void *context)
{
    (void)context;
    return rig.now_ns;
}

static void changed(const char *what)
{
    size_t used = strlen(rig.changes);

    snprintf(rig.changes + used, sizeof(rig.changes) - used, "%s;", what);
    if (rig.die_in > 0 && --rig.die_in == 0) {
        rig.die_in = -1;
        longjmp(rig.death, 1);
    }
}

/* --- the platform ------------------------------------------------------------------------------
 */

static void turn(uint32_t v, uint32_t i)
{
    struct rig_instance *instance = &rig.instances[v][i];
    bool is_wanted = i < rig.replicas[v];

    if (instance->exists && (instance->is_going || !is_wanted)) {
        bool was_going = instance->is_going;

        instance->is_going = true;
        if (was_going)
            *instance = (struct rig_instance){0};
    } else if (!instance->exists && is_wanted && rig.builds[v][0]) {
        *instance = (struct rig_instance){.exists = true, .number = ++rig.made};
        strcpy(instance->build, rig.builds[v]);
    } else if (instance->exists) {
        instance->looks++;
    }
}

static bool is_ready(const struct rig_instance *instance)
{
    return instance->exists && !instance->is_going && instance->looks >= rig.ready_after &&
           !(rig.never_ready && strcmp(instance->build, rig.never_ready) == 0);
}

static void show(uint32_t v, uint32_t i, struct en_instance *seen)
{
    const struct rig_instance *instance = &rig.instances[v][i];

    seen->phase = !instance->exists    ? EN_ABSENT
                  : instance->is_going ? EN_STOPPING
                  : is_ready(instance) ? EN_READY
                                       : EN_STARTING;
    strcpy(seen->build, instance->build);
    if (instance->exists)
        snprintf(seen->id, sizeof(seen->id), "%u", instance->number);
}

static int observe(struct en_platform *platform, struct en_view *view, char **ret_why)
{
    (void)platform;
    (void)ret_why;
    memset(view, 0, sizeof(*view));
    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        strcpy(view->versions[v].build, rig.builds[v]);
        view->versions[v].replicas = rig.replicas[v];
        for (uint32_t i = 0; i < RIG_REPLICAS; i++) {
            turn(v, i);
            show(v, i, &view->versions[v].instances[i]);
        }
    }
    return 0;
}

static int set_build(struct en_platform *platform, uint32_t v, const char *build, char **ret_why)
{
    (void)platform;
    if (rig.platform_error)
        return en_fail(ret_why, rig.platform_error, "the platform is tired");
    snprintf(rig.builds[v], sizeof(rig.builds[v]), "%s", build);
    changed("set_build");
    return 0;
}

static int scale(struct en_platform *platform, uint32_t v, uint32_t replicas, char **ret_why)
{
    (void)platform;
    (void)ret_why;
    rig.replicas[v] = replicas;
    changed("scale");
    return 0;
}

static int replace(struct en_platform *platform, uint32_t v, uint32_t i, const char *id,
                   char **ret_why)
{
    char own[16];

    (void)platform;
    (void)ret_why;
    snprintf(own, sizeof(own), "%u", rig.instances[v][i].number);
    if (strcmp(own, id) == 0)
        rig.instances[v][i].is_going = true;
    changed("replace");
    return 0;
}

static int reset_disks(struct en_platform *platform, uint32_t v, bool dry_run, char **ret_names,
                       char **ret_why)
{
    (void)platform;
    (void)v;
    (void)dry_run;
    (void)ret_why;
    *ret_names = strdup("disks");
    changed("reset");
    return 0;
}

static int check_build(struct en_platform *platform, const char *build, char **ret_why)
{
    (void)platform;
    return en_config_find_build(rig.config, build)
               ? 0
               : en_fail(ret_why, -ENOENT, "there is no build '%s'", build);
}

static const struct en_platform_ops ops = {"simulated", observe,     set_build,   scale,
                                           replace,     reset_disks, check_build, NULL};

/* --- the proxy ---------------------------------------------------------------------------------
 */

int __wrap_en_proxy_observe(struct en_proxy *proxy, const char *rule, const char *goal,
                            struct en_proxy_view *ret_view, char **ret_why);
int __wrap_en_proxy_change(struct en_proxy *proxy, const char *method, const char *target,
                           json_t *body, uint64_t *revision, char **ret_why);
int __wrap_en_proxy_put(struct en_proxy *proxy, const char *target, json_t *body, char **ret_why);

int __wrap_en_proxy_observe(struct en_proxy *proxy, const char *rule, const char *goal,
                            struct en_proxy_view *ret_view, char **ret_why)
{
    (void)proxy;
    (void)rule;
    (void)goal;
    if (rig.is_proxy_gone)
        return en_fail(ret_why, -ECONNREFUSED, "nobody there");
    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        for (uint32_t i = 0; i < RIG_REPLICAS; i++)
            rig.proxy.versions[v].endpoints[i].is_up = is_ready(&rig.instances[v][i]);
    }
    *ret_view = rig.proxy;
    return 0;
}

int __wrap_en_proxy_put(struct en_proxy *proxy, const char *target, json_t *body, char **ret_why)
{
    (void)proxy;
    (void)target;
    (void)ret_why;
    json_decref(body);
    return 0;
}

static uint32_t version_of(const json_t *body, const char *member)
{
    const char *name = json_string_value(json_object_get(body, member));

    return name && strcmp(name, "green") == 0;
}

static void all_to(uint32_t v)
{
    struct en_rule_state *state = &rig.proxy.state;

    state->stable = v;
    state->share_ppm[v] = 1000000;
    state->share_ppm[1 - v] = 0;
    state->has_match[0] = state->has_match[1] = false;
    state->mirror_ppm[v] = 0;
}

static void set_mode(const json_t *body)
{
    struct en_proxy_version *version = &rig.proxy.versions[version_of(body, "version")];
    const char *word = json_string_value(json_object_get(body, "mode"));
    const json_t *index = json_object_get(body, "endpoint");
    enum strategy_mode mode = strcmp(word, "active") == 0 ? STRATEGY_ACTIVE
                              : strcmp(word, "cut") == 0  ? STRATEGY_CUT
                                                          : STRATEGY_DRAINING;

    if (index)
        version->endpoints[json_integer_value(index)].mode = mode;
    else
        version->mode = mode;
}

static void set_weights(const json_t *weights)
{
    for (uint32_t v = 0; v < EN_VERSIONS; v++)
        rig.proxy.state.share_ppm[v] =
            (uint32_t)json_integer_value(json_object_get(weights, rig.config->versions[v].name));
}

static void route(const json_t *body)
{
    const char *strategy = json_string_value(json_object_get(body, "strategy"));
    uint32_t canary = version_of(body, "canary");

    if (strcmp(strategy, "canary") == 0) {
        uint32_t ppm = (uint32_t)json_integer_value(json_object_get(body, "share_ppm"));

        rig.proxy.state.share_ppm[canary] = ppm;
        rig.proxy.state.share_ppm[1 - canary] = 1000000 - ppm;
    } else {
        rig.proxy.state.has_match[canary] = true;
    }
}

static void apply(const char *target, const json_t *body)
{
    if (strcmp(target, "/v1/mode") == 0)
        set_mode(body);
    else if (strcmp(target, "/v1/weights") == 0)
        set_weights(json_object_get(body, "weights"));
    else if (strcmp(target, "/v1/promote") == 0)
        all_to(version_of(body, "version"));
    else if (strcmp(target, "/v1/abort") == 0)
        rig_person_abort();
    else if (strcmp(target, "/v1/mirror") == 0)
        rig.proxy.state.mirror_ppm[version_of(body, "to")] =
            (uint32_t)json_integer_value(json_object_get(body, "ppm"));
    else
        route(body);
}

int __wrap_en_proxy_change(struct en_proxy *proxy, const char *method, const char *target,
                           json_t *body, uint64_t *revision, char **ret_why)
{
    (void)proxy;
    assert_non_null(body);
    if (rig.is_proxy_gone || rig.proxy_error) {
        json_decref(body);
        return en_fail(ret_why, rig.proxy_error ? rig.proxy_error : -ECONNREFUSED, "no");
    }
    if (*revision != rig.proxy.revision) {
        json_decref(body);
        return en_fail(ret_why, -ESTALE, "stale");
    }
    apply(target, body);
    json_decref(body);
    *revision = ++rig.proxy.revision;
    (void)method;
    changed(target);
    return 0;
}

void rig_person_abort(void)
{
    all_to(rig.proxy.state.stable);
    rig.proxy.state.mirror_ppm[0] = rig.proxy.state.mirror_ppm[1] = 0;
}

/* --- the engine --------------------------------------------------------------------------------
 */

static void born(void)
{
    memset(&rig.core, 0, sizeof(rig.core));
    rig.core.config = rig.config;
    rig.core.platform = &rig.platform;
    rig.core.clock = &rig.clock;
    strcpy(rig.core.boot, "boot");
    assert_int_equal(en_store_open(rig.path, NULL, &rig.core.store), 0);
    assert_int_equal(en_core_restore(&rig.core, NULL), 0);
}

static void die(void)
{
    en_core_deinit(&rig.core);
    en_store_close(rig.core.store);
}

void rig_open(void)
{
    struct px_messages messages;
    char folder[] = "/tmp/turnout-rig-XXXXXX";

    memset(&rig, 0, sizeof(rig));
    rig.platform.ops = &ops;
    rig.now_ns = 1000000000000;
    rig.clock = (struct tn_clock){now, now, now, NULL};
    rig.die_in = -1;
    assert_non_null(mkdtemp(folder));
    snprintf(rig.path, sizeof(rig.path), "%s/s", folder);
    px_messages_init(&messages);
    assert_int_equal(en_config_parse(tn_str_of(text), "f", "/f", &messages, &rig.config), 0);
    px_messages_deinit(&messages);
    strcpy(rig.builds[0], "1");
    rig.replicas[0] = RIG_REPLICAS;
    rig.proxy.revision = 1;
    strcpy(rig.proxy.rule, "main");
    rig.proxy.state.share_ppm[0] = 1000000;
    for (uint32_t v = 0; v < EN_VERSIONS; v++)
        rig.proxy.versions[v].endpoint_count = RIG_REPLICAS;
    born();
    for (int i = 0; i < 3; i++)
        rig_round();
    rig.least_ready = RIG_REPLICAS;
    rig.changes[0] = '\0';
}

void rig_close(void)
{
    char lock[80];

    die();
    en_config_free(rig.config);
    unlink(rig.path);
    snprintf(lock, sizeof(lock), "%s.lock", rig.path);
    unlink(lock);
    *strrchr(rig.path, '/') = '\0';
    assert_int_equal(rmdir(rig.path), 0);
}

/* Of what a user may meet: endpoints that are up, of versions with a share. */
static void check_promises(void)
{
    unsigned ready = 0;
    unsigned there = 0;
    const char *build = NULL;

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        for (uint32_t i = 0; i < RIG_REPLICAS; i++) {
            const struct rig_instance *instance = &rig.instances[v][i];

            there += instance->exists;
            if (!is_ready(instance))
                continue;
            ready++;
            if (rig.proxy.state.share_ppm[v] == 0 || rig.proxy.versions[v].mode == STRATEGY_CUT ||
                rig.proxy.versions[v].endpoints[i].mode != STRATEGY_ACTIVE)
                continue;
            rig.were_builds_mixed |= build && strcmp(build, instance->build) != 0;
            build = instance->build;
        }
    }
    rig.least_ready = ready < rig.least_ready ? ready : rig.least_ready;
    rig.most_there = there > rig.most_there ? there : rig.most_there;
}

bool rig_round(void)
{
    unsigned deaths = rig.deaths;

    rig.now_ns += 150000000;
    if (setjmp(rig.death) == 0) {
        en_round(&rig.core);
    } else {
        rig.deaths++;
        die();
        born();
    }
    check_promises();
    return rig.deaths == deaths;
}

unsigned rig_order(const char *verb, const char *body)
{
    struct en_order order = {.verb = verb};
    char *copy = strdup(body);

    for (char *at = copy; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    order.body = json_loads(copy, 0, NULL);
    assert_non_null(order.body);
    tn_list_push_back(&rig.core.orders, &order.node);
    assert_true(rig_round());
    tn_list_remove(&order.node);
    if (order.status >= 400)
        print_message("%s: %s\n", verb, json_string_value(json_object_get(order.answer, "detail")));
    json_decref(order.answer);
    json_decref(order.body);
    free(copy);
    return order.status;
}

enum strategy_course rig_run(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        if (en_update_is_over(rig.core.update) ||
            (rig.core.has_action && rig.core.action.is_for_person))
            break;
        rig_round();
    }
    return rig.core.update->record.course;
}

bool rig_serves(const char *version, const char *build)
{
    uint32_t v = strcmp(version, "green") == 0;

    if (rig.proxy.state.share_ppm[v] != 1000000 || rig.proxy.versions[v].mode != STRATEGY_ACTIVE)
        return false;
    for (uint32_t i = 0; i < RIG_REPLICAS; i++) {
        if (!is_ready(&rig.instances[v][i]) || strcmp(rig.instances[v][i].build, build) != 0 ||
            rig.proxy.versions[v].endpoints[i].mode != STRATEGY_ACTIVE ||
            rig.instances[1 - v][i].exists)
            return false;
    }
    return true;
}

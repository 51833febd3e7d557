#include "tests/unit/session/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLUE "  - {name: main, weights: {blue: 1}}"
#define ASK "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n"

/* Rules under which /green goes to green, all else to blue. */
#define BY_PATH                                                                                    \
    "  - {name: g, match: [{path: /green}], weights: {green: 1}}\n"                                \
    "  - {name: main, weights: {blue: 1}}"

static struct rig *new_rig(const char *rules)
{
    struct rig *rig = rig_new(rules, "{}");

    for (unsigned i = 0; i < RIG_UPSTREAMS; i++)
        rig_answer(rig, i, SWITCH);
    return rig;
}

static struct rig_client *open_tunnel(struct rig *rig, const char *ask)
{
    struct rig_client *client = rig_connect(rig);

    rig_send(client, ask);
    assert_true(rig_sees(client, "HTTP/1.1 101 "));
    return client;
}

/* The service's side of the only tunnel. */
static struct rig_upstream *service_of(struct rig *rig)
{
    for (unsigned i = 0; i < RIG_UPSTREAMS; i++) {
        if (rig->upstreams[i].requests > 0)
            return &rig->upstreams[i];
    }
    fail_msg("no tunnel");
    return NULL;
}

static struct px_stats_cell *cell_of(const struct rig *rig, unsigned version)
{
    return rig->stats->cells[rig->snapshot->rules[0].stat][rig->snapshot->versions[version].stat];
}

static unsigned tunnels_at(const struct rig *rig, unsigned version)
{
    const struct px_snapshot_version *one = &rig->snapshot->versions[version];
    unsigned sum = 0;

    for (uint32_t i = 0; i < one->endpoint_count; i++)
        sum += atomic_load(&one->endpoints[i]->tunnels);
    return sum;
}

static bool are_all_gone(void *context)
{
    return ((const struct rig *)context)->session.client_count == 0;
}

static void test_tunnel_passes_a_half_close_of_the_client(void **state)
{
    struct rig *rig = new_rig(BLUE);
    struct rig_client *client;

    (void)state;
    rig->upstreams[0].farewell = rig->upstreams[1].farewell = "and farewell";
    client = open_tunnel(rig, ASK);
    rig_send(client, "last words");
    tn_stream_shutdown(&client->stream);
    assert_true(rig_sees(client, "and farewell"));
    assert_true(rig_sees_end(client));
    assert_non_null(strstr(service_of(rig)->received, "last words"));
    assert_true(rig_until(rig, are_all_gone, rig)); /* both have ended: nothing lingers */
    rig_free(rig);
}

static void test_tunnel_passes_a_half_close_of_the_service(void **state)
{
    struct rig *rig = new_rig(BLUE);
    struct rig_client *client = open_tunnel(rig, ASK);
    struct rig_upstream *service = service_of(rig);
    struct tn_str piece = TN_STR("my last word");

    (void)state;
    tn_stream_write(service->last, &piece, 1);
    tn_stream_shutdown(service->last);
    assert_true(rig_sees(client, "my last word"));
    assert_true(rig_sees_end(client));
    assert_true(client->is_eof);
    rig_send(client, "but not mine");
    assert_true(rig_upstream_sees(rig, (unsigned)(service - rig->upstreams), "but not mine"));
    assert_int_equal(cell_of(rig, 0)->tunnels, 1);
    tn_stream_shutdown(&client->stream);
    assert_true(rig_until(rig, are_all_gone, rig));
    assert_int_equal(cell_of(rig, 0)->tunnels, 0);
    assert_int_equal(cell_of(rig, 0)->aborted, 0);
    rig_free(rig);
}

static void test_tunnel_that_is_silent_ends(void **state)
{
    struct rig *rig = new_rig("  - {name: main, weights: {blue: 1}, timeouts: {idle: 60ms}}");
    struct rig_client *client = open_tunnel(rig, ASK);

    (void)state;
    assert_true(rig_sees_end(client));
    assert_true(rig_until(rig, are_all_gone, rig));
    assert_int_equal(cell_of(rig, 0)->tunnels, 0);
    assert_int_equal(cell_of(rig, 0)->aborted, 1);
    rig_free(rig);
}

static void test_tunnel_half_closed_and_silent_ends(void **state)
{
    struct rig *rig = new_rig("  - {name: main, weights: {blue: 1}, timeouts: {idle: 60ms}}");
    struct rig_client *client = open_tunnel(rig, ASK);

    (void)state;
    tn_stream_shutdown(service_of(rig)->last);
    assert_true(rig_sees_end(client)); /* and never ends its own side */
    assert_true(rig_until(rig, are_all_gone, rig));
    rig_free(rig);
}

static void test_tunnel_is_counted_while_it_is_open(void **state)
{
    struct rig *rig = new_rig(BLUE);
    struct rig_client *client = open_tunnel(rig, ASK);
    const struct px_stats_cell *cell = cell_of(rig, 0);
    uint64_t latency_us = cell->duration_us;

    (void)state;
    assert_int_equal(cell->tunnels, 1);
    assert_int_equal(cell->tunnels_opened, 1);
    assert_int_equal(cell->in_flight, 1);
    assert_int_equal(tunnels_at(rig, 0), 1);
    assert_int_equal(tunnels_at(rig, 1), 0);
    /* Its answer is the 101: that, and how long it took, is counted now and not again. */
    assert_int_equal(cell->codes[px_stats_code_index(101)], 1);
    open_tunnel(rig, ASK);
    assert_int_equal(cell->tunnels, 2);
    latency_us = cell->duration_us;
    tn_stream_reset(&client->stream);
    tn_stream_reset(&rig->clients[1].stream);
    assert_true(rig_until(rig, are_all_gone, rig));
    assert_int_equal(cell->tunnels, 0);
    assert_int_equal(cell->tunnels_opened, 2);
    assert_int_equal(cell->in_flight, 0);
    assert_int_equal(tunnels_at(rig, 0), 0);
    assert_int_equal(cell->codes[px_stats_code_index(101)], 2);
    assert_int_equal(cell->duration_us, latency_us);
    rig_free(rig);
}

/* A stop waits for answers, and would wait for tunnels for ever: closing them is no fault. */
static void test_tunnel_closed_at_the_stop_is_not_broken_off(void **state)
{
    struct rig *rig = new_rig(BLUE);
    struct rig_client *client = open_tunnel(rig, ASK);

    (void)state;
    px_session_stop(&rig->session);
    rig_settle(rig);
    assert_false(client->is_eof); /* until the grace is over */
    assert_int_equal(px_session_abort_all(&rig->session), 0);
    assert_true(rig_sees_end(client));
    assert_true(rig_until(rig, are_all_gone, rig));
    assert_true(rig->is_empty);
    rig_free(rig);
}

static void test_break_off_takes_those_of_a_version(void **state)
{
    struct rig *rig = new_rig(BY_PATH);
    struct rig_client *blue = open_tunnel(rig, ASK);
    struct rig_client *green = open_tunnel(
        rig, "GET /green HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n");
    struct px_selection selection = {.version = rig->snapshot->versions[1].stat,
                                     .endpoint = PX_ANY_ENDPOINT,
                                     .tunnels_only = true};

    (void)state;
    assert_int_equal(px_session_break_off(&rig->session, &selection), 1);
    assert_true(rig_sees_end(green));
    rig_settle(rig);
    assert_false(blue->is_eof || blue->is_broken);
    assert_int_equal(tunnels_at(rig, 0), 1);
    assert_int_equal(tunnels_at(rig, 1), 0);
    assert_int_equal(px_session_break_off(&rig->session, &selection), 0);
    rig_free(rig);
}

static void test_break_off_takes_those_of_an_endpoint(void **state)
{
    struct rig *rig = new_rig(BLUE);
    struct px_selection selection = {.version = PX_ANY_VERSION};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        open_tunnel(rig, ASK); /* round robin: two at either */
    for (unsigned i = 0; i < 2; i++) {
        struct px_endpoint *endpoint = rig->snapshot->versions[0].endpoints[i];

        assert_int_equal(atomic_load(&endpoint->tunnels), 2);
        selection.endpoint = endpoint->id;
        assert_int_equal(px_session_break_off(&rig->session, &selection), 2);
        assert_int_equal(atomic_load(&endpoint->tunnels), 0);
    }
    rig_free(rig);
}

static bool has_request(void *context)
{
    const struct rig *rig = context;

    return rig->upstreams[0].received_len + rig->upstreams[1].received_len > 0;
}

static void test_break_off_answers_whoever_waits(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    struct rig_client *idle = rig_connect(rig);
    struct px_selection selection = {.version = rig->snapshot->versions[0].stat,
                                     .tunnels_only = true};

    (void)state;
    rig->upstreams[0].marker = rig->upstreams[1].marker = "\001"; /* answers nothing */
    rig_send(client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_until(rig, has_request, rig));
    assert_int_equal(px_session_break_off(&rig->session, &selection), 0);
    selection.tunnels_only = false;
    assert_int_equal(px_session_break_off(&rig->session, &selection), 1);
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_true(rig_sees(client, "Retry-After: "));
    assert_false(idle->is_eof); /* nothing of it is anybody's */
    /* The client's connection is as good as before. */
    rig->upstreams[0].marker = rig->upstreams[1].marker = NULL;
    rig_send(client, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    rig_free(rig);
}

static void test_break_off_ends_an_answer_under_way(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    struct px_selection selection = {.version = PX_ANY_VERSION};

    (void)state;
    rig_answer(rig, 0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    rig_answer(rig, 1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    rig_send(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "half"));
    assert_int_equal(px_session_break_off(&rig->session, &selection), 1);
    assert_true(rig_sees_end(client));
    assert_null(strstr(client->received, "503"));
    assert_int_equal(cell_of(rig, 0)->aborted, 1);
    rig_free(rig);
}

/* --- later rules ------------------------------------------------------------------------------ */

static void on_unused(struct px_snapshot_use *use)
{
    *(bool *)use->context = true;
}

/* Publishes `config` as the next revision, and makes it the rig's own. Returns the one before. */
static struct px_snapshot *publish(struct rig *rig, struct px_config *config,
                                   struct px_snapshot_use *use)
{
    struct px_snapshot *before = rig->snapshot;
    struct px_snapshot_plan plan = {.config = config,
                                    .rules = config->rules,
                                    .rule_count = config->rule_count,
                                    .revision = before->revision + 1,
                                    .previous = before};
    char *why = NULL;

    assert_int_equal(px_snapshot_build(rig->registry, &plan, &why, &rig->snapshot), 0);
    *use = (struct px_snapshot_use){.snapshot = rig->snapshot,
                                    .users = 1,
                                    .on_unused = on_unused,
                                    .context = &rig->is_snapshot_unused};
    assert_int_equal(px_stats_adopt(rig->stats, rig->snapshot), 0);
    px_session_set_rules(&rig->session, use);
    return before;
}

static void test_tunnel_moves_on_to_later_rules(void **state)
{
    struct rig *rig = new_rig(BLUE);
    struct rig_client *client = open_tunnel(rig, ASK);
    struct px_snapshot_use use;
    struct px_snapshot *before = publish(rig, rig->config, &use);

    (void)state;
    assert_true(rig->is_snapshot_unused); /* the first one, although the tunnel is open */
    rig->is_snapshot_unused = false;
    px_snapshot_free(rig->registry, before);
    rig_send(client, "still here");
    assert_true(rig_upstream_sees(rig, (unsigned)(service_of(rig) - rig->upstreams), "still here"));
    assert_int_equal(cell_of(rig, 0)->tunnels, 1);
    tn_stream_reset(&client->stream);
    assert_true(rig_until(rig, are_all_gone, rig));
    assert_int_equal(cell_of(rig, 0)->tunnels, 0);
    assert_int_equal(tunnels_at(rig, 0), 0);
    rig_free(rig);
}

static void test_tunnel_keeps_its_rules_while_its_endpoint_is_in_no_later_ones(void **state)
{
    static const char text[] = "listen: [\"127.0.0.1:0\"]\n"
                               "versions: {blue: {endpoints: [\"127.0.0.1:1\"]}}\n"
                               "rules: [{name: main, weights: {blue: 1}}]\n";
    struct rig *rig = new_rig(BLUE);
    struct rig_client *client = open_tunnel(rig, ASK);
    struct px_messages messages;
    struct px_config *config;
    struct px_snapshot_use use;
    struct px_snapshot *before;

    (void)state;
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(TN_STR(text), "next", ".", &messages, &config), 0);
    px_messages_deinit(&messages);
    before = publish(rig, config, &use);
    assert_false(rig->is_snapshot_unused);
    rig_send(client, "still here");
    assert_true(rig_upstream_sees(rig, (unsigned)(service_of(rig) - rig->upstreams), "still here"));
    tn_stream_reset(&client->stream);
    assert_true(rig_until(rig, are_all_gone, rig));
    assert_true(rig->is_snapshot_unused); /* gone with the tunnel */
    rig->is_snapshot_unused = false;
    px_snapshot_free(rig->registry, before);
    px_config_free(config);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tunnel_passes_a_half_close_of_the_client),
        cmocka_unit_test(test_tunnel_passes_a_half_close_of_the_service),
        cmocka_unit_test(test_tunnel_that_is_silent_ends),
        cmocka_unit_test(test_tunnel_half_closed_and_silent_ends),
        cmocka_unit_test(test_tunnel_is_counted_while_it_is_open),
        cmocka_unit_test(test_tunnel_closed_at_the_stop_is_not_broken_off),
        cmocka_unit_test(test_break_off_takes_those_of_a_version),
        cmocka_unit_test(test_break_off_takes_those_of_an_endpoint),
        cmocka_unit_test(test_break_off_answers_whoever_waits),
        cmocka_unit_test(test_break_off_ends_an_answer_under_way),
        cmocka_unit_test(test_tunnel_moves_on_to_later_rules),
        cmocka_unit_test(test_tunnel_keeps_its_rules_while_its_endpoint_is_in_no_later_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

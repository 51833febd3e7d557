/* metrics: what is counted is shown, under labels that no client can make. */
#include "app/metrics.h"
#include "tests/unit/app/test.h"

#include <string.h>

static struct app_metrics metrics;
static char buffer[65536];

static const struct app_identity blue = {"blue", "1", "app-blue-0", false, 0};

static int setup(void **state)
{
    (void)state;
    app_metrics_init(&metrics);
    return 0;
}

static void render(const struct app_identity *identity, const struct app_store_snapshot *store,
                   bool is_ready)
{
    struct app_text text;
    app_text_init(&text, buffer, sizeof(buffer));
    app_metrics_render(&metrics, identity, store, is_ready, &text);
    assert_false(text.cut);
}

static void assert_line(const char *line)
{
    assert_non_null(strstr(buffer, line));
}

static void test_metrics_show_the_store(void **state)
{
    struct app_store_snapshot store = {.visits = 114, .commits = 20, .failures = 3};
    (void)state;
    render(&blue, &store, true);
    assert_line("\ncounter_visits 114\n");
    assert_line("\ncounter_commits_total 20\n");
    assert_line("\ncounter_commit_failures_total 3\n");
    assert_line("\ncounter_ready 1\n");
    render(&blue, &store, false);
    assert_line("\ncounter_ready 0\n");
}

static void test_metrics_count_by_route_and_code(void **state)
{
    struct app_store_snapshot store = {.visits = 0};
    (void)state;
    render(&blue, &store, true);
    assert_null(strstr(buffer, "counter_requests_total{"));
    for (int i = 0; i < 3; i++) {
        app_metrics_add(&metrics, APP_ROUTE_VISIT, 200);
    }
    app_metrics_add(&metrics, APP_ROUTE_VISIT, 503);
    app_metrics_add(&metrics, APP_ROUTE_OTHER, 404);
    render(&blue, &store, true);
    assert_line("\ncounter_requests_total{route=\"/\",code=\"200\"} 3\n");
    assert_line("\ncounter_requests_total{route=\"/\",code=\"503\"} 1\n");
    assert_line("\ncounter_requests_total{route=\"other\",code=\"404\"} 1\n");
    assert_null(strstr(buffer, "route=\"/count\""));
}

static void test_metrics_leave_out_what_is_no_status(void **state)
{
    struct app_store_snapshot store = {.visits = 0};
    (void)state;
    app_metrics_add(&metrics, APP_ROUTE_VISIT, 0);
    app_metrics_add(&metrics, APP_ROUTE_VISIT, 99);
    app_metrics_add(&metrics, APP_ROUTE_VISIT, 600);
    app_metrics_add(&metrics, APP_ROUTE_VISIT, 4000000);
    render(&blue, &store, true);
    assert_null(strstr(buffer, "counter_requests_total{"));
}

static void test_metrics_escape_labels(void **state)
{
    struct app_store_snapshot store = {.visits = 0};
    struct app_identity odd = {"a\"b", "c\\d", "e\nf", false, 0};
    (void)state;
    render(&odd, &store, true);
    assert_line("counter_info{version=\"a\\\"b\",build=\"c\\\\d\",name=\"e\\nf\"} 1\n");
}

static void test_metrics_say_help_and_type_once_each(void **state)
{
    struct app_store_snapshot store = {.visits = 0};
    (void)state;
    app_metrics_add(&metrics, APP_ROUTE_VISIT, 200);
    app_metrics_add(&metrics, APP_ROUTE_COUNT, 200);
    render(&blue, &store, true);
    unsigned types = 0;
    for (const char *at = strstr(buffer, "# TYPE "); at != NULL; at = strstr(at + 1, "# TYPE ")) {
        types++;
    }
    assert_int_equal(types, 6);
    assert_int_equal(buffer[strlen(buffer) - 1], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_metrics_show_the_store, setup),
        cmocka_unit_test_setup(test_metrics_count_by_route_and_code, setup),
        cmocka_unit_test_setup(test_metrics_leave_out_what_is_no_status, setup),
        cmocka_unit_test_setup(test_metrics_escape_labels, setup),
        cmocka_unit_test_setup(test_metrics_say_help_and_type_once_each, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

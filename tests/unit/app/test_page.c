/* page: who answers, in three forms, and which form an Accept field asks for. */
#include "app/page.h"
#include "tests/unit/app/test.h"

#include <string.h>

static char buffer[APP_PAGE_SIZE];

static const struct app_identity blue = {"blue", "1", "app-blue-0", true, 7};

static const char *render(enum app_page_kind kind, struct app_identity identity)
{
    struct app_text text;
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_render(kind, &identity, &text);
    assert_false(text.cut);
    return buffer;
}

static void test_page_json(void **state)
{
    struct app_identity bare = blue;
    (void)state;
    assert_string_equal(render(APP_PAGE_JSON, blue), "{\"version\":\"blue\",\"build\":\"1\","
                                                     "\"name\":\"app-blue-0\",\"visits\":7}\n");
    bare.has_visits = false;
    assert_string_equal(render(APP_PAGE_JSON, bare),
                        "{\"version\":\"blue\",\"build\":\"1\",\"name\":\"app-blue-0\"}\n");
    bare.has_visits = true;
    bare.visits = UINT64_MAX;
    assert_non_null(strstr(render(APP_PAGE_JSON, bare), "\"visits\":18446744073709551615}"));
}

static void test_page_text(void **state)
{
    struct app_identity one = blue;
    (void)state;
    assert_string_equal(render(APP_PAGE_TEXT, blue), "app-blue-0 (blue, build 1): 7 visits\n");
    one.visits = 1;
    assert_string_equal(render(APP_PAGE_TEXT, one), "app-blue-0 (blue, build 1): 1 visit\n");
    one.has_visits = false;
    assert_string_equal(render(APP_PAGE_TEXT, one), "app-blue-0 (blue, build 1)\n");
}

static void test_page_html_shows_everything(void **state)
{
    (void)state;
    const char *page = render(APP_PAGE_HTML, blue);
    assert_non_null(strstr(page, "<title>blue (build 1)</title>"));
    assert_non_null(strstr(page, ">7<"));
    assert_non_null(strstr(page, "<dd>app-blue-0</dd>"));
    assert_non_null(strstr(page, "background: #1d4ed8"));
}

static void test_page_html_escapes(void **state)
{
    struct app_identity odd = {"<script>", "\"1\"", "a&b", true, 7};
    (void)state;
    const char *page = render(APP_PAGE_HTML, odd);
    assert_null(strstr(page, "<script>"));
    assert_non_null(strstr(page, "&lt;script&gt;"));
    assert_non_null(strstr(page, "a&amp;b"));
}

static void test_page_fits_with_the_longest_words(void **state)
{
    char word[256];
    struct app_identity longest = {word, word, word, true, UINT64_MAX};
    (void)state;
    memset(word, '&', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    render(APP_PAGE_HTML, longest);
    render(APP_PAGE_JSON, longest);
    render(APP_PAGE_TEXT, longest);
}

static void test_page_colours_differ_and_stay(void **state)
{
    static const char *const versions[] = {"blue", "green", "spring", "autumn", "v2"};
    char colours[5][64];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct app_identity identity = {versions[i], "1", "x", false, 0};
        const char *start = strstr(render(APP_PAGE_HTML, identity), "background: ");
        size_t len = strcspn(start, ";");
        assert_true(len < sizeof(colours[i]));
        memcpy(colours[i], start, len);
        colours[i][len] = '\0';
        assert_non_null(strstr(render(APP_PAGE_HTML, identity), colours[i]));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(colours[i], colours[k]);
        }
    }
}

static void test_page_icon_has_the_colour(void **state)
{
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_render_icon(&blue, &text);
    assert_non_null(strstr(buffer, "<svg "));
    assert_non_null(strstr(buffer, "#1d4ed8"));
}

static void test_page_chooses_by_accept(void **state)
{
    static const struct {
        const char *accept;
        enum app_page_kind kind;
    } rows[] = {
        {NULL, APP_PAGE_TEXT},
        {"", APP_PAGE_TEXT},
        {"*/*", APP_PAGE_TEXT},
        {"text/plain", APP_PAGE_TEXT},
        {"application/json", APP_PAGE_JSON},
        {"APPLICATION/JSON", APP_PAGE_JSON},
        {"application/json; charset=utf-8", APP_PAGE_JSON},
        {"application/jsonx", APP_PAGE_TEXT},
        {"application/js", APP_PAGE_TEXT},
        {"text/html", APP_PAGE_HTML},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", APP_PAGE_HTML},
        {"text/html, application/json", APP_PAGE_HTML},
        {"application/json, text/html", APP_PAGE_JSON},
        {"text/html;q=0.5, application/json", APP_PAGE_JSON},
        {"text/html;q=0.5,application/json;q=0.4", APP_PAGE_HTML},
        {"text/html ; q=0.1 , application/json ; q=0.2", APP_PAGE_JSON},
        {"text/html;level=1;Q=0.1, application/json;q=0.2", APP_PAGE_JSON},
        {"application/json;q=0", APP_PAGE_TEXT},
        {"application/json;q=0.0, text/html;q=0", APP_PAGE_TEXT},
        {"application/json;q=x", APP_PAGE_TEXT},
        {"application/json;q=7", APP_PAGE_TEXT},
        {",,, ,application/json", APP_PAGE_JSON},
        {"application/json,", APP_PAGE_JSON},
        {"application/json;", APP_PAGE_JSON},
        {"application/json;q", APP_PAGE_JSON},
        {";q=1", APP_PAGE_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(app_page_choose(rows[i].accept), rows[i].kind);
    }
}

static void test_page_content_types(void **state)
{
    (void)state;
    assert_string_equal(app_page_content_type(APP_PAGE_JSON), "application/json");
    assert_string_equal(app_page_content_type(APP_PAGE_HTML), "text/html; charset=utf-8");
    assert_string_equal(app_page_content_type(APP_PAGE_TEXT), "text/plain; charset=utf-8");
}

static void test_page_spoils_one_field(void **state)
{
    (void)state;
    assert_string_equal(app_page_spoil(blue, APP_WRONG_VERSION).version, "wrong");
    assert_string_equal(app_page_spoil(blue, APP_WRONG_VERSION).build, "1");
    assert_string_equal(app_page_spoil(blue, APP_WRONG_BUILD).build, "wrong");
    assert_string_equal(app_page_spoil(blue, APP_WRONG_NAME).name, "wrong");
    assert_int_equal(app_page_spoil(blue, APP_WRONG_VISITS).visits, 1000007);
    assert_string_equal(app_page_spoil(blue, APP_WRONG_NONE).version, "blue");
    assert_int_equal(app_page_spoil(blue, APP_WRONG_NONE).visits, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_json),
        cmocka_unit_test(test_page_text),
        cmocka_unit_test(test_page_html_shows_everything),
        cmocka_unit_test(test_page_html_escapes),
        cmocka_unit_test(test_page_fits_with_the_longest_words),
        cmocka_unit_test(test_page_colours_differ_and_stay),
        cmocka_unit_test(test_page_icon_has_the_colour),
        cmocka_unit_test(test_page_chooses_by_accept),
        cmocka_unit_test(test_page_content_types),
        cmocka_unit_test(test_page_spoils_one_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

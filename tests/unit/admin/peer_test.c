#include "proxy/admin/peer.h"
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct tn_api_peer lena = {
    .kind = TN_API_PEER_USER, .name = "lena", .user = {.uid = 1000, .gid = 100, .pid = 42}};
static const struct tn_api_peer nameless = {
    .kind = TN_API_PEER_USER, .name = "uid 1001", .user = {.uid = 1001, .gid = 100, .pid = 43}};
static const struct tn_api_peer robot = {
    .kind = TN_API_PEER_TOKEN, .name = "robot", .address = "127.0.0.1:50514"};

static void assert_json(json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void test_peer_json(void **state)
{
    (void)state;
    assert_json(px_peer_json(&lena),
                "{\"kind\":\"user\",\"name\":\"lena\",\"uid\":1000,\"gid\":100,\"pid\":42}");
    assert_json(px_peer_json(&robot),
                "{\"kind\":\"token\",\"name\":\"robot\",\"address\":\"127.0.0.1:50514\"}");
    assert_json(px_peer_own("guard"), "{\"kind\":\"turnout\",\"name\":\"guard\"}");
}

static void assert_text(const char *author, json_t *peer, const char *expected)
{
    char text[PX_PEER_TEXT_SIZE];

    assert_string_equal(px_peer_text(author, peer, text), expected);
    json_decref(peer);
}

static void test_peer_text_proven_before_claimed(void **state)
{
    (void)state;
    assert_text("ann", px_peer_json(&lena), "lena (uid 1000) as ann");
    assert_text("root (uid 0)", px_peer_json(&lena), "lena (uid 1000) as root (uid 0)");
    assert_text("lena", px_peer_json(&lena), "lena (uid 1000)");
    assert_text(NULL, px_peer_json(&lena), "lena (uid 1000)");
    assert_text(NULL, px_peer_json(&nameless), "uid 1001");
    assert_text("ann", px_peer_json(&robot), "token robot as ann");
    assert_text("guard", NULL, "guard");
    assert_text(NULL, NULL, "somebody");
}

/* The longest that a request may bring, and a name that fills its place. */
static void test_peer_text_fits(void **state)
{
    struct tn_api_peer peer = lena;
    char author[129];
    char text[PX_PEER_TEXT_SIZE];
    json_t *json;

    (void)state;
    memset(author, 'a', 128);
    author[128] = '\0';
    memset(peer.name, 'n', sizeof(peer.name) - 1);
    json = px_peer_json(&peer);
    px_peer_text(author, json, text);
    assert_non_null(strstr(text, "(uid 1000) as a"));
    assert_string_equal(text + strlen(text) - 128, author);
    json_decref(json);
}

/* --- what is recorded and answered --------------------------------------------------------------
 */

/* The last record of the journal. */
static json_t *recorded(struct book *book)
{
    json_t *record = NULL;
    struct px_store *store;
    char *why = NULL;

    book_close(book);
    assert_int_equal(px_store_open(book->store, NULL, &why, &record, &store), 0);
    px_store_close(store);
    return record;
}

static void start(struct book *book)
{
    book_write(book, "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]",
               "store: {file: \"./turnout.store\"}");
    book_open(book);
}

static void test_peer_is_recorded_beside_the_author(void **state)
{
    struct book *book = *state;
    struct px_change *change;
    json_t *record;

    start(book);
    change = book_change(book, px_edit_weights, "{'weights':{'green':1}}");
    change->author = strdup("ann");
    change->peer = px_peer_json(&lena);
    book_submit(book, change);
    book_wait(book, 1);
    edit_assert_json("answer", json_object_get(book->answer, "peer"),
                     "{'kind':'user','name':'lena','uid':1000,'gid':100,'pid':42}");
    record = recorded(book);
    edit_assert_json("record", json_object_get(record, "peer"),
                     "{'kind':'user','name':'lena','uid':1000,'gid':100,'pid':42}");
    assert_string_equal(json_string_value(json_object_get(record, "author")), "ann");
    json_decref(record);
}

/* Whoever claims to be the guard is not taken for it. */
static void test_peer_of_what_nobody_asked_for_is_turnout(void **state)
{
    struct book *book = *state;
    json_t *record;

    start(book);
    assert_int_equal(px_rulebook_abort(book->book, "main", "guard", "why", NULL, NULL), 0);
    while (px_rulebook_state(book->book).revision < 2)
        book_turn(book);
    record = recorded(book);
    edit_assert_json("record", json_object_get(record, "peer"),
                     "{'kind':'turnout','name':'guard'}");
    json_decref(record);
}

static void test_peer_of_the_start_is_turnout(void **state)
{
    struct book *book = *state;
    json_t *record;

    start(book);
    record = recorded(book);
    edit_assert_json("record", json_object_get(record, "peer"),
                     "{'kind':'turnout','name':'turnout'}");
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_json),
        cmocka_unit_test(test_peer_text_proven_before_claimed),
        cmocka_unit_test(test_peer_text_fits),
        cmocka_unit_test_setup_teardown(test_peer_is_recorded_beside_the_author, book_setup,
                                        book_teardown),
        cmocka_unit_test_setup_teardown(test_peer_of_what_nobody_asked_for_is_turnout, book_setup,
                                        book_teardown),
        cmocka_unit_test_setup_teardown(test_peer_of_the_start_is_turnout, book_setup,
                                        book_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

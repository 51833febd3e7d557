#include "lib/base/list.h"

#include "tests/unit/base/test.h"

#include <string.h>

struct item {
    char letter;
    struct tn_list link;
};

static struct tn_list head;
static struct item items[4];

static int setup(void **state)
{
    (void)state;
    tn_list_init(&head);
    for (int i = 0; i < 4; i++) {
        items[i].letter = (char)('a' + i);
        tn_list_init(&items[i].link);
    }
    return 0;
}

/* Read forwards, and checked backwards. */
static const char *letters(void)
{
    static char text[8];
    struct tn_list *node;
    size_t len = 0;

    TN_LIST_FOR_EACH (node, &head) {
        const struct item *item = TN_CONTAINER_OF(node, struct item, link);

        assert_true(len < sizeof(text) - 1);
        text[len++] = item->letter;
        assert_ptr_equal(node->next->prev, node);
        assert_ptr_equal(node->prev->next, node);
    }
    text[len] = '\0';
    return text;
}

static void test_list_is_empty_at_first(void **state)
{
    (void)state;
    assert_true(tn_list_is_empty(&head));
    assert_true(tn_list_is_empty(&items[0].link));
    assert_string_equal(letters(), "");
}

static void test_list_push_at_both_ends(void **state)
{
    (void)state;
    tn_list_push_back(&head, &items[1].link);
    tn_list_push_back(&head, &items[2].link);
    tn_list_push_front(&head, &items[0].link);
    assert_string_equal(letters(), "abc");
    assert_false(tn_list_is_empty(&head));
    tn_list_insert_after(&items[1].link, &items[3].link);
    assert_string_equal(letters(), "abdc");
}

static void test_list_remove_may_be_repeated(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        tn_list_push_back(&head, &items[i].link);
    tn_list_remove(&items[1].link);
    tn_list_remove(&items[1].link);
    assert_string_equal(letters(), "acd");
    assert_true(tn_list_is_empty(&items[1].link));
    tn_list_remove(&items[0].link);
    tn_list_remove(&items[3].link);
    assert_string_equal(letters(), "c");
    tn_list_remove(&items[2].link);
    assert_true(tn_list_is_empty(&head));
    tn_list_push_back(&head, &items[1].link);
    assert_string_equal(letters(), "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_list_is_empty_at_first, setup),
        cmocka_unit_test_setup(test_list_push_at_both_ends, setup),
        cmocka_unit_test_setup(test_list_remove_may_be_repeated, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

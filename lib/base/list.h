/*
 * list: an intrusive doubly linked list with a head node.
 *
 * Not for lists that need a length or a search: it knows neighbours only.
 * Shape: a head and nodes embedded in their owners; a node that is in no list points to itself.
 * Ownership: the list owns nothing. Threads: whoever owns the list.
 */
#ifndef TN_BASE_LIST_H
#define TN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct tn_list {
    struct tn_list *next;
    struct tn_list *prev;
};

/* The owner of an embedded member. Through void * because clang's -Wcast-align rejects the usual
 * form. */
#define TN_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define TN_LIST_FOR_EACH(node, head)                                                               \
    for ((node) = (head)->next; (node) != (head); (node) = (node)->next)

static inline void tn_list_init(struct tn_list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool tn_list_is_empty(const struct tn_list *list)
{
    return list->next == list;
}

static inline void tn_list_insert_after(struct tn_list *where, struct tn_list *node)
{
    node->prev = where;
    node->next = where->next;
    where->next->prev = node;
    where->next = node;
}

static inline void tn_list_push_front(struct tn_list *head, struct tn_list *node)
{
    tn_list_insert_after(head, node);
}

static inline void tn_list_push_back(struct tn_list *head, struct tn_list *node)
{
    tn_list_insert_after(head->prev, node);
}

/* May be repeated: a removed node is in a list of its own. */
static inline void tn_list_remove(struct tn_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    tn_list_init(node);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * list — intrusive doubly linked list with a sentinel head. Shape (a). One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *head) /* also marks a node as "in no list" */
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node) /* harmless twice */
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* LIST_EACH allows removing the current node. A macro because it is a loop header. */
#define LIST_EACH(head, node)                                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)
#define LIST_ITEM(node, T, member) CONTAINER_OF(node, T, member)

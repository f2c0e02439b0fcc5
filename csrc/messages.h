/* Messages: a list of them on its way to the host: pages, look-ups, what came, what was sent. They are not made into tree nodes, which
 * would each be allocated on the worker's thread and freed on the host's. The Lua face makes tables of the list itself,
 * the C face a tree. Owned by one thread at a time. */
#ifndef TM_MESSAGES_H
#define TM_MESSAGES_H

#include "message.h"

#include <stddef.h>

typedef struct tm_listed {
    tm_message message; /* its texts lie in `texts` */
    char *texts;        /* owned */
    cJSON *elems;       /* owned: the element array, once that was asked for */
} tm_listed;

typedef struct tm_messages {
    bool single; /* stands for its only message, not for an array of that */
    size_t count, size;
    tm_listed *list; /* owned */
} tm_messages;

/* An empty list. Owned by the caller; NULL: memory is short. */
tm_messages *tm_messages_new(void);
/* What stands for one message: a copy of `message` (borrowed until return). Owned by the caller; NULL: memory is
 * short. */
tm_messages *tm_messages_of_one(const tm_message *message);
/* NULL is fine. */
void tm_messages_free(tm_messages *messages);
/* Adds a copy of `message` (borrowed until return). False: memory is short. */
bool tm_messages_add(tm_messages *messages, const tm_message *message);
/* The element array of a message (tm_message_elems), which stays the list's. NULL: memory is short. */
const cJSON *tm_messages_elems(tm_listed *listed);
/* The list as an array of Message, or as a Message; its elements go over. Owned by the caller; NULL: memory is short. */
cJSON *tm_messages_to_tree(tm_messages *messages);

#endif

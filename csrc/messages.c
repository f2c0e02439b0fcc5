/* Messages: see messages.h. */
#include "messages.h"

#include "json.h"
#include "mem.h"

#include <string.h>

#define FIRST_SIZE 16

tm_messages *tm_messages_new(void)
{
    return tm_calloc(1, sizeof(tm_messages));
}

tm_messages *tm_messages_of_one(const tm_message *message)
{
    tm_messages *messages = tm_messages_new();
    if (!messages) return NULL;
    messages->single = true;
    if (tm_messages_add(messages, message)) return messages;
    tm_messages_free(messages);
    return NULL;
}

void tm_messages_free(tm_messages *messages)
{
    if (!messages) return;
    for (size_t i = 0; i < messages->count; i++) {
        tm_free(messages->list[i].texts);
        cJSON_Delete(messages->list[i].elems);
    }
    tm_free(messages->list);
    tm_free(messages);
}

static bool make_room(tm_messages *messages)
{
    if (messages->count < messages->size) return true;
    size_t size = messages->size ? messages->size * 2 : FIRST_SIZE;
    tm_listed *grown = tm_realloc(messages->list, size * sizeof *grown);
    if (!grown) return false;
    messages->list = grown;
    messages->size = size;
    return true;
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* Moves a text of that size into the block at `*end`, which is moved behind it. */
static void put_text(char **text, size_t size, char **end)
{
    if (!size) return;
    memcpy(*end, *text, size);
    *text = *end;
    *end += size;
}

bool tm_messages_add(tm_messages *messages, const tm_message *message)
{
    if (!make_room(messages)) return false;
    tm_listed *listed = &messages->list[messages->count];
    /* a message that could not be made for lack of memory has no ids */
    size_t conv_id = size_of(message->conv_id), sender = size_of(message->sender);
    size_t custom_str = size_of(message->custom_str), elems = size_of(message->elems);
    char *end = tm_malloc(conv_id + sender + custom_str + elems);
    if (!end) return false;
    *listed = (tm_listed){.message = *message, .texts = end};
    put_text(&listed->message.conv_id, conv_id, &end);
    put_text(&listed->message.sender, sender, &end);
    put_text(&listed->message.custom_str, custom_str, &end);
    put_text(&listed->message.elems, elems, &end);
    messages->count++;
    return true;
}

const cJSON *tm_messages_elems(tm_listed *listed)
{
    if (!listed->elems) listed->elems = tm_message_elems(&listed->message);
    return listed->elems;
}

static cJSON *take_tree(tm_listed *listed)
{
    tm_messages_elems(listed);
    cJSON *elems = listed->elems;
    listed->elems = NULL;
    return tm_message_tree_with(&listed->message, elems);
}

cJSON *tm_messages_to_tree(tm_messages *messages)
{
    if (messages->single) return take_tree(messages->list);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < messages->count; i++) {
        if (tm_json_append(array, take_tree(&messages->list[i]))) continue;
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

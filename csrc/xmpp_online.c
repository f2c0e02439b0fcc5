/* XMPP online: messages that reach those who are there and are stored nowhere (rule 18). See xmpp_session.h. */
#include "xmpp_session.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <string.h>

static tm_event *event_of(const tm_item *item)
{
    tm_event *event = tm_calloc(1, sizeof *event);
    if (!event) return NULL;
    tm_message *message = &event->message;
    event->kind = TM_EVENT_MESSAGE;
    message->conv_type = item->conv_type;
    message->conv_id = tm_strdup(item->conv_id);
    message->sender = tm_strdup(item->sender);
    message->elems = tm_strdup(item->elems);
    message->seq = item->seq;
    message->rand = item->rand;
    message->client_time = item->client_time;
    message->server_time = tm_clock_seconds(); /* no server says one */
    message->priority = item->priority;
    message->status = kTIMMsg_SendSucc;
    message->is_self = message->is_read = item->is_self;
    message->is_online = true;
    if (message->conv_id && message->sender && message->elems) return event;
    tm_event_free(event);
    return NULL;
}

void tm_online_take(tm_xmpp *x, xmpp_stanza_t *message, int32_t conv_type, const char *conv_id,
                    const char *sender)
{
    tm_error err = {0};
    tm_item item = {0};
    /* one with a delay was kept for later: it is too late now */
    if (tm_stanza_child(message, "delay", TM_NS_DELAY)) return;
    if (tm_item_read_online(message, x->user, conv_type, conv_id, sender, &item, &err) == 0 &&
        item.kind == TM_ITEM_MESSAGE) {
        tm_event *event = event_of(&item);
        if (event) tm_xmpp_tell_online(x, event);
    }
    tm_item_clear(&item);
}

/* XMPP room, its occupants: who is in it, and what each of them is there. See xmpp_session.h and xmpp_room.h.
 *
 * A nick says nothing of who somebody is: users are known by the JID that the room itself puts into their
 * presence (rooms here are not anonymous), and by its lists of members. */
#include "xmpp_room.h"

#include <stdio.h>
#include <string.h>

tm_standing tm_standing_read(const char *affiliation)
{
    if (strcmp(affiliation, "owner") == 0) return TM_STANDING_OWNER;
    if (strcmp(affiliation, "admin") == 0) return TM_STANDING_ADMIN;
    return strcmp(affiliation, "member") == 0 ? TM_STANDING_MEMBER : TM_STANDING_NONE;
}

static const tm_occupant *find_user(const tm_room *room, const char *user)
{
    const tm_occupant *of = room->occupants;
    while (of && strcmp(of->user, user) != 0)
        of = of->next;
    return of;
}

bool tm_room_knows(const tm_room *room, const char *user)
{
    return find_user(room, user) != NULL;
}

tm_standing tm_room_standing(const tm_room *room, const char *user)
{
    const tm_occupant *of = find_user(room, user);
    if (!of || of->standing == TM_STANDING_NONE || of->standing == TM_STANDING_OWNER)
        return of ? of->standing : TM_STANDING_NONE;
    return tm_member_has_quit(room, user) ? TM_STANDING_NONE : of->standing;
}

static tm_occupant *add_occupant(tm_room *room, const char *user)
{
    tm_occupant *of = tm_calloc(1, sizeof *of);
    if (!of) return NULL;
    snprintf(of->user, sizeof of->user, "%s", user);
    of->next = room->occupants;
    room->occupants = of;
    return of;
}

void tm_room_note(tm_room *room, const char *user, tm_standing standing)
{
    bool found = false;
    for (tm_occupant *of = room->occupants; of; of = of->next)
        if (strcmp(of->user, user) == 0) {
            of->standing = standing;
            found = true;
        }
    tm_occupant *of = found ? NULL : add_occupant(room, user);
    if (of) of->standing = standing;
}

tm_occupant *tm_room_find_nick(tm_room *room, const char *nick)
{
    for (tm_occupant *of = room->occupants; of; of = of->next)
        if (of->nick && strcmp(of->nick, nick) == 0) return of;
    return NULL;
}

tm_occupant *tm_room_take_in(tm_room *room, const char *user, const char *nick)
{
    tm_occupant *of = room->occupants;
    while (of && (of->nick || strcmp(of->user, user) != 0))
        of = of->next;
    if (!of) of = add_occupant(room, user);
    if (of) of->nick = tm_strdup(nick);
    return of && of->nick ? of : NULL;
}

void tm_room_let_out(tm_room *room, tm_occupant *of, tm_standing standing)
{
    bool is_needed = standing != TM_STANDING_NONE;
    for (const tm_occupant *other = room->occupants; other && is_needed; other = other->next)
        is_needed = other == of || strcmp(other->user, of->user) != 0;
    tm_free(of->nick);
    of->nick = NULL;
    of->standing = standing;
    for (tm_occupant **at = &room->occupants; *at && !is_needed; at = &(*at)->next)
        if (*at == of) {
            *at = of->next;
            tm_free(of);
            return;
        }
}

void tm_room_forget_occupants(tm_room *room)
{
    while (room->occupants) {
        tm_occupant *of = room->occupants;
        room->occupants = of->next;
        tm_free(of->nick);
        tm_free(of);
    }
}

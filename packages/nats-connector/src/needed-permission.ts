/** The random end of an inbox: what a client appends, or `newInbox` does. */
const inbox = /^(.+?)\.(?:[0-9A-Z]{22}|_[0-9A-Za-z_-]{16})(?:\..*)?$/;
/** What is asked of one consumer, whose name is another one with each start. */
const consumerVerb = /^(\$JS(?:\.[^.]+)?\.API\.CONSUMER\.(?:CREATE|INFO|DELETE|MSG\.NEXT)\.[^.]+)\.[^.]+(.*)$/;
const ack = /^(\$JS\.ACK(?:\.[^.]+)*?)\.([^.]+)\.[^.]+(?:\.\d+){5}$/;

/** The entry of an allow list that covers a refused subject and the others like it: wildcards for what is made up. */
export function neededPermission(subject: string): string {
  return subject.replace(inbox, "$1.>").replace(consumerVerb, "$1.*$2").replace(ack, "$1.$2.>");
}

"""Erasing a customer: all personal data in this service."""

from dataclasses import dataclass

from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.store import EmailRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The result of an erasure or its preview."""

    contact: bool
    """Whether there was an address or a name."""
    emails: int
    """The number of records of e-mails that named the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Erases customers. It may be repeated: a repetition completes an interrupted erasure."""

    contacts: Contacts
    records: EmailRecords

    def erase(self, customer_id: str) -> Erased:
        """Delete the contact, so that no further mail is sent; then clear the e-mail records."""
        contact = self.contacts.erase(customer_id)
        emails = sum(map(self.records.clear_customer, self.records.of_customer(customer_id)))
        return Erased(contact=contact, emails=emails)

    def preview(self, customer_id: str) -> Erased:
        """Return what ``erase`` would erase."""
        contact = self.contacts.exists(customer_id)
        return Erased(contact=contact, emails=sum(1 for _ in self.records.of_customer(customer_id)))

"""Every exception of mallku, split by who has to act.

```
MallkuError                        message: what happened, with the value; hint: what to do next
├── UsageError                     the caller asked for something that cannot be done
│   ├── ConfigurationError         a setting, a file of settings or a plan is wrong
│   └── QuestionError              the question is empty, or too long for the seats
├── ParticipantError               one participant could not do its part; the circle may go on
│   ├── EndpointUnreachable        nothing answered at the address
│   ├── EndpointRefused            the endpoint demands a key, or refuses the one given
│   ├── ModelNotFound              the endpoint, or this machine, does not have the model
│   ├── RequestRefused             the endpoint understood the request and declined it
│   ├── ProtocolViolation          the answer is not what the protocol promises (HTML, half JSON)
│   ├── Overloaded                 busy or still loading; try again, perhaps after `retry_after`
│   ├── ContextOverflow            the prompt does not fit into the window
│   ├── AnswerCutShort             the answer broke off; the partial text is kept
│   ├── EmptyAnswer                the participant ended its turn without any public text
│   ├── DeadlineExceeded           connect, first token, idle or total deadline passed
│   ├── RemoteAddressRefused       the address is public and the circle did not allow that
│   └── EngineCrashed              the in-process engine, or its child process, died
├── ModelFileError                 a model file cannot be used
│   ├── ModelFileMissing           there is no such file
│   ├── ModelFileInvalid           truncated, not a GGUF or SafeTensors file, or hostile
│   ├── ModelTooLarge              weights and memory would exceed `max_memory_gb`
│   └── EngineUnavailable          llama-cpp-python is not installed
├── JournalError                   the record cannot be read or written
│   ├── JournalLocked              another process holds it
│   ├── JournalReadOnly            it cannot be written
│   ├── JournalTooNew              a newer mallku wrote it
│   ├── JournalDamaged             it is not a journal, or its hash chain is broken
│   └── UnknownDeliberation        no deliberation has this id
├── BridgeError                    events cannot be carried to or from another process
└── DeliberationError              the deliberation cannot go on
    ├── NoParticipants             nobody sits in the circle
    └── QuorumLost                 too few seats are left
```

Usage errors are never retried. A `ParticipantError` says in `retryable` whether asking again can help.
"""


class MallkuError(Exception):
    """Base of all errors of mallku."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep what happened and what to do next; `str()` gives both."""
        super().__init__(message)
        self.message = message
        """What happened, with the value that caused it."""
        self.hint = hint
        """What the person who reads this can do about it."""

    def __str__(self) -> str:
        """Join message and hint into one paragraph."""
        return f"{self.message} {self.hint}".strip()


class UsageError(MallkuError):
    """The caller asked for something that cannot be done."""


class ConfigurationError(UsageError):
    """A setting, a file of settings or a plan is wrong."""


class QuestionError(UsageError):
    """The question is empty, or too long for every seat's context."""


class ParticipantError(MallkuError):
    """One participant could not do its part; the circle may go on without it."""

    retryable: bool = False
    """Whether asking the same participant again can help."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        partial_text: str = "",
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        """Keep the facts a failure strategy decides on."""
        super().__init__(message, hint=hint)
        self.partial_text = partial_text
        """Public text that had arrived before the failure; it is kept in the record, marked as partial."""
        self.retry_after = retry_after
        """Seconds the endpoint asked us to wait, or None if it did not say."""
        self.status = status
        """HTTP status, or None where there is none."""


class EndpointUnreachable(ParticipantError):
    """Nothing answered at the address."""

    retryable = True


class EndpointRefused(ParticipantError):
    """The endpoint demands a key, or refuses the one given."""


class ModelNotFound(ParticipantError):
    """The endpoint, or this machine, does not have the model."""


class RequestRefused(ParticipantError):
    """The endpoint understood the request and declined it."""


class ProtocolViolation(ParticipantError):
    """The answer is not what the protocol promises."""


class Overloaded(ParticipantError):
    """The endpoint is busy or still loading its model."""

    retryable = True


class ContextOverflow(ParticipantError):
    """The prompt does not fit into the participant's window."""

    def __init__(
        self, message: str, *, hint: str = "", needed: int | None = None, window: int | None = None, status: int | None = None
    ) -> None:
        """Keep the figures, where known."""
        super().__init__(message, hint=hint, status=status)
        self.needed = needed
        """Tokens the prompt and the answer would take, or None if the endpoint did not say."""
        self.window = window
        """Tokens the participant can hold, or None if unknown."""


class AnswerCutShort(ParticipantError):
    """The answer broke off before the participant had finished."""

    retryable = True


class EmptyAnswer(ParticipantError):
    """The participant ended its turn without any public text."""

    retryable = True


class DeadlineExceeded(ParticipantError):
    """A deadline passed; the message names which one."""

    retryable = True


class RemoteAddressRefused(ParticipantError):
    """The address is public and the circle did not allow remote participants."""


class EngineCrashed(ParticipantError):
    """The in-process engine, or the child process it runs in, died."""

    retryable = True


class ModelFileError(MallkuError):
    """A model file cannot be used."""


class ModelFileMissing(ModelFileError):
    """There is no such file."""


class ModelFileInvalid(ModelFileError):
    """The file is truncated, hostile, or of another format."""


class ModelTooLarge(ModelFileError):
    """Weights, key-value memory and buffers would exceed the memory allowed."""


class EngineUnavailable(ModelFileError):
    """llama-cpp-python is not installed, or does not load."""


class JournalError(MallkuError):
    """The record cannot be read or written."""


class JournalLocked(JournalError):
    """Another process holds the journal or the deliberation."""


class JournalReadOnly(JournalError):
    """The journal cannot be written."""


class JournalTooNew(JournalError):
    """A newer version of mallku wrote the journal."""


class JournalDamaged(JournalError):
    """The file is not a journal, or its hash chain is broken."""


class UnknownDeliberation(JournalError):
    """No deliberation in the journal has this id."""


class BridgeError(MallkuError):
    """Events cannot be carried to or from another process."""


class DeliberationError(MallkuError):
    """The deliberation cannot go on."""


class NoParticipants(DeliberationError):
    """Nobody sits in the circle."""


class QuorumLost(DeliberationError):
    """Too few seats are left to go on."""

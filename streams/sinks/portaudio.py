"""Sound into the machine's sound card, through PortAudio (PyAudio, an optional part: `pip install loa[portaudio]`).

`write` blocks while the card's buffer is full: the card sets the pace. What is written now is heard after what is
already queued (`queued_samples`), so whoever has the beat writes that much ahead of time.
"""

from typing import Any

from streams.errors import PortAudioFailed, PortAudioMissing
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame

try:
    import pyaudio
except ImportError:
    pyaudio = None


class PortAudioSink:
    """Plays frames on the output device whose name contains `device` (the default one if empty).

    `underflows` counts how often the card ran dry: sound came too late.
    """

    def __init__(self, device: str = "") -> None:
        """Raises PortAudioMissing, PortAudioFailed."""
        if pyaudio is None:
            raise PortAudioMissing
        self.underflows = 0
        self._begun = False
        self._port = pyaudio.PyAudio()
        try:
            self._stream: Any = self._port.open(
                format=pyaudio.paFloat32,
                channels=1,
                rate=SAMPLE_RATE_HZ,
                output=True,
                frames_per_buffer=2 * FRAME_SAMPLES,
                output_device_index=self._find(device),
            )
            self._capacity = int(self._stream.get_write_available())
        except OSError as error:
            self._port.terminate()
            raise PortAudioFailed(f"{PortAudioFailed.__doc__} PortAudio says: {error}") from error
        except PortAudioFailed:
            self._port.terminate()
            raise

    @property
    def queued_samples(self) -> int:
        """How many samples are in the card's buffer, not heard yet."""
        return max(0, self._capacity - int(self._stream.get_write_available()))

    def write(self, frame: Frame) -> None:
        """Gives one frame to the card; waits while its buffer is full. Raises PortAudioFailed when the card is gone."""
        samples = frame.samples.tobytes()
        try:
            self.underflows += self._begun and self.queued_samples == 0
            self._begun = True
            # PyAudio closes the stream when it raises for an underflow: it is counted above instead.
            self._stream.write(samples, FRAME_SAMPLES, exception_on_underflow=False)
        except OSError as error:
            raise PortAudioFailed(f"{PortAudioFailed.__doc__} PortAudio says: {error}") from error

    def close(self) -> None:
        """Plays what is in the buffer and lets go of the card."""
        self._stream.stop_stream()
        self._stream.close()
        self._port.terminate()

    def _find(self, device: str) -> int | None:
        if not device:
            return None
        names = []
        for index in range(self._port.get_device_count()):
            description = self._port.get_device_info_by_index(index)
            if description["maxOutputChannels"] > 0:
                names.append(str(description["name"]))
                if device in names[-1]:
                    return index
        raise PortAudioFailed(f"There is no sound card called «{device}». There are: {', '.join(names) or 'none'}.")

// The microphone: what it takes in, how loud that is, and at the end a file. Opus where the browser has it.
import type { OutgoingFile } from '../../store/model';
import { squeeze } from './wave';

const TYPES = ['audio/ogg;codecs=opus', 'audio/webm;codecs=opus', 'audio/mp4'];
const SAMPLE_MS = 50;

export class Recorder {
  /** Loudness so far, 0 to 1, one every 50 ms. */
  readonly levels: number[] = [];
  onLevel: () => void = () => {};
  private readonly chunks: Blob[] = [];
  private timer = 0;

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
  ) {
    recorder.addEventListener('dataavailable', (event) => {
      if (event.data.size > 0) this.chunks.push(event.data);
    });
  }

  /** Rejects when the user or the machine has no microphone for us. */
  static async start(): Promise<Recorder> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const options = { audioBitsPerSecond: 32_000 };
    const recorder = new MediaRecorder(stream, mimeType ? { mimeType, ...options } : options);
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    const made = new Recorder(stream, recorder, context, analyser);
    recorder.start(500);
    made.listen();
    return made;
  }

  get ms(): number {
    return this.levels.length * SAMPLE_MS;
  }

  private listen(): void {
    const samples = new Float32Array(this.analyser.fftSize);
    let begun = performance.now();
    this.timer = window.setInterval(() => {
      this.analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const v of samples) sum += v * v;
      const level = Math.min(1, Math.sqrt(sum / samples.length) * 4);
      // A page in the background is called less often; the time goes on all the same.
      for (const now = performance.now(); begun + SAMPLE_MS <= now; begun += SAMPLE_MS) this.levels.push(level);
      this.onLevel();
    }, SAMPLE_MS);
  }

  /** What there is so far, to listen to. */
  async pause(): Promise<Blob> {
    clearInterval(this.timer);
    if (this.recorder.state === 'recording') {
      const told = new Promise((resolve) => this.recorder.addEventListener('dataavailable', resolve, { once: true }));
      this.recorder.pause();
      this.recorder.requestData();
      await told;
    }
    return this.blob();
  }

  resume(): void {
    if (this.recorder.state !== 'paused') return;
    this.recorder.resume();
    this.listen();
  }

  private get type(): string {
    return this.recorder.mimeType.split(';')[0] || 'audio/webm';
  }

  private blob(): Blob {
    return new Blob(this.chunks, { type: this.type });
  }

  async finish(): Promise<OutgoingFile> {
    clearInterval(this.timer);
    const length = Math.max(1, this.ms);
    if (this.recorder.state !== 'inactive') {
      const stopped = new Promise((resolve) => this.recorder.addEventListener('stop', resolve, { once: true }));
      this.recorder.stop();
      await stopped;
    }
    this.close();
    const end = this.type === 'audio/ogg' ? 'ogg' : this.type === 'audio/mp4' ? 'm4a' : 'webm';
    return {
      blob: this.blob(),
      info: { name: `Voice message.${end}`, type: this.type, length, wave: squeeze(this.levels) },
    };
  }

  close(): void {
    clearInterval(this.timer);
    if (this.recorder.state !== 'inactive') this.recorder.stop();
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close().catch(() => {});
  }
}

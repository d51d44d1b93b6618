// Four sounds, told apart by shape as well as pitch: [hertz, from second, for seconds].
const SOUNDS = {
  taken: [[880, 0, 0.09]],
  refused: [[220, 0, 0.18], [180, 0.2, 0.3]],
  done: [[660, 0, 0.12], [880, 0.13, 0.12], [1320, 0.26, 0.25]],
  person: [[740, 0, 0.15], [494, 0.18, 0.15], [740, 0.36, 0.15], [494, 0.54, 0.25]],
};

let context = null;

/** Whether all but "a person is needed" is silent; kept by the browser. */
export const isMuted = () => localStorage.getItem("muted") === "yes";
export const mute = (muted) => localStorage.setItem("muted", muted ? "yes" : "no");

/** A browser lets a page sound only after somebody has pressed a key or a button on it: scanning is that. */
export function play(name) {
  if (isMuted() && name !== "person") return;
  context ??= new AudioContext();
  context.resume();
  for (const [hertz, from, seconds] of SOUNDS[name]) {
    const tone = context.createOscillator();
    const loudness = context.createGain();
    const at = context.currentTime + from;
    tone.type = "triangle";
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.4, at + 0.01);
    loudness.gain.setValueAtTime(0.4, at + seconds - 0.03);
    loudness.gain.linearRampToValueAtTime(0, at + seconds);
    tone.connect(loudness).connect(context.destination);
    tone.start(at);
    tone.stop(at + seconds);
  }
}

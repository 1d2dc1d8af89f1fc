// What the screen is, and whether it can show stored pixels as they are.
const WIDTHS = { phone: 320, tablet: 720, desk: 1000 };

export function measured(zoom = 0) {
  return {
    width: window.innerWidth,
    height: window.innerHeight,
    screen_width: window.screen.width,
    screen_height: window.screen.height,
    ratio: window.devicePixelRatio,
    scale: window.visualViewport ? window.visualViewport.scale : 1,
    colour_bits: window.screen.colorDepth,
    zoom,
  };
}

// The key of what is wrong, or "". The width counts physical room, whatever the browser's zoom.
export function wrong(display) {
  const now = measured();
  if (display.pixel_true && !Number.isInteger(now.ratio)) return "pixel-ratio";
  if (display.pixel_true && Math.abs(now.scale - 1) > 0.001) return "pinch";
  const room = Math.max(now.width, Math.min(now.screen_width, now.width * now.ratio));
  if (room < WIDTHS[display.smallest_screen]) return "small";
  return "";
}

export function whenChanged(listener) {
  window.addEventListener("resize", listener);
  if (window.visualViewport) window.visualViewport.addEventListener("resize", listener);
}

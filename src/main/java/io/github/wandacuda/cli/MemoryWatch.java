package io.github.wandacuda.cli;

import io.github.wandacuda.system.MachineFacts;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Measures the peak memory of the process on Linux: VmHWM, which the kernel records, and RssAnon,
 * which is sampled every 50 ms. On other systems both are null.
 */
final class MemoryWatch implements AutoCloseable {
  private static final long INTERVAL_MILLIS = 50;

  private final Thread sampler;
  private volatile long peakAnonymous;

  public MemoryWatch() {
    sampler = Thread.ofPlatform().daemon().name("wanda-cuda-memory").start(this::watch);
  }

  private void watch() {
    try {
      while (!Thread.currentThread().isInterrupted()) {
        sample();
        Thread.sleep(INTERVAL_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void sample() {
    peakAnonymous = Math.max(peakAnonymous, MachineFacts.ofProcess("RssAnon:").orElse(0L));
  }

  /** Returns the bytes at the peak, by the names that results have. */
  public Map<String, Object> peaks() {
    sample();
    Map<String, Object> peaks = new LinkedHashMap<>();
    peaks.put("peak_rss_bytes", MachineFacts.ofProcess("VmHWM:").orElse(null));
    peaks.put("peak_anonymous_bytes", peakAnonymous > 0 ? peakAnonymous : null);
    return peaks;
  }

  @Override
  public void close() {
    sampler.interrupt();
  }
}

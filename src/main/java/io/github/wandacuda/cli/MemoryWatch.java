package io.github.wandacuda.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Measures the peak memory of the process on Linux: VmHWM, which the kernel records, and RssAnon,
 * which is sampled every 50 ms. On other systems both are null.
 */
final class MemoryWatch implements AutoCloseable {
  private static final Path STATUS = Path.of("/proc/self/status");
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
    peakAnonymous = Math.max(peakAnonymous, read("RssAnon:").orElse(0));
  }

  public void addTo(Map<String, Object> object) {
    sample();
    OptionalLong resident = read("VmHWM:");
    object.put("peak_rss_bytes", resident.isPresent() ? resident.getAsLong() : null);
    object.put("peak_anonymous_bytes", peakAnonymous > 0 ? peakAnonymous : null);
  }

  private static OptionalLong read(String key) {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith(key))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .findFirst();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }

  @Override
  public void close() {
    sampler.interrupt();
  }
}

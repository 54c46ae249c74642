package io.github.wandacuda.job;

import io.github.wandacuda.io.IoMode;
import java.time.Duration;

/**
 * How a run uses the disk; its result doesn't depend on it.
 *
 * @param io how shards are read and written
 * @param saveEvery how much work of a calibrated run may pass until its hidden states are saved
 */
public record Storage(IoMode io, Duration saveEvery) {
  /** What suits most runs. */
  public static final Storage DEFAULT = new Storage(IoMode.AUTO, Duration.ofSeconds(300));
}

package io.github.wandacuda.job.compare;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseReference;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.OnFailure;
import java.util.List;

/**
 * The dense model that runs of a comparison are judged by. It runs when its predictions are first
 * asked for, and once for all of them.
 */
final class DenseModel implements AutoCloseable {
  private final ModelDirectory model;
  private final Backend backend;
  private final List<int[]> windows;
  private Decoder decoder;
  private DenseReference reference;

  DenseModel(ModelDirectory model, Backend backend, List<int[]> windows) {
    this.model = model;
    this.backend = backend;
    this.windows = windows;
  }

  /** Returns what it predicts in the text; used from one thread. */
  DenseReference reference(Progress progress) {
    if (reference == null) {
      Decoder opened = DecoderFamilies.open(model, backend.forwards());
      reference =
          OnFailure.close(opened::close, () -> DenseReference.of(opened, windows, progress));
      decoder = opened;
    }
    return reference;
  }

  /** Returns its decoder, once its predictions were asked for. */
  Decoder decoder() {
    return decoder;
  }

  @Override
  public void close() {
    if (reference != null) {
      reference.close();
      decoder.close();
    }
  }
}

package io.github.wandacuda.testing;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorBytes;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.text.TokenizerFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.LongAdder;

/** A model that counts the bytes that are read of its tensors. */
public final class CountedModel {
  private final LongAdder matrices = new LongAdder();
  private final LongAdder vectors = new LongAdder();

  public ModelDirectory open(Path path) {
    ModelConfig config = ModelConfig.read(path);
    Checkpoint checkpoint = Checkpoint.open(path, this::counted);
    return new ModelDirectory(
        path, config, checkpoint, LinearModules.of(config, checkpoint), TokenizerFile.in(path));
  }

  private SafetensorsFile counted(SafetensorsFile stored) {
    return SafetensorsFile.of(stored.path(), stored.headerBytes(), tensors -> new Counted(stored));
  }

  /** Returns the bytes that were read of matrices so far. */
  public long matrices() {
    return matrices.sum();
  }

  /** Returns the bytes that were read of vectors so far. */
  public long vectors() {
    return vectors.sum();
  }

  private final class Counted implements TensorBytes {
    private final SafetensorsFile stored;

    Counted(SafetensorsFile stored) {
      this.stored = stored;
    }

    @Override
    public void read(TensorInfo info, long offset, MemorySegment destination) {
      (info.isMatrix() ? matrices : vectors).add(destination.byteSize());
      stored.read(info, offset, destination);
    }

    @Override
    public void close() {
      stored.close();
    }
  }
}

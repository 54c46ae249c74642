package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.ReservedFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.OnFailure;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Writes a file of masks, see {@link MaskFile}. The shapes are known beforehand, so each mask is
 * written where it belongs as it comes, in any order and from several threads; memory holds none.
 * The file has its name once all are there. Equal masks give equal bytes.
 */
public final class MaskFileWriter implements MaskSink, AutoCloseable {
  private static final Comparator<LinearModule> BY_NAME =
      Comparator.comparing(LinearModule::name, TensorNames.ORDER);

  private final ReservedFile file;
  private final List<LinearModule> modules;
  private final long[] positions;
  private final BitSet added = new BitSet();

  /**
   * Makes the temporary file, and begins it.
   *
   * @param target the file to write, a regular one; replaced if it exists
   * @param modules whose masks will come, in code-point order of their names as in the digest
   * @param sourceSha256 the digest of the model that the masks are for
   * @throws OutputException if the file can't be written
   * @throws io.github.wandacuda.error.UsageException if another run is going to write it
   */
  public MaskFileWriter(Path target, List<LinearModule> modules, String sourceSha256) {
    this.modules = List.copyOf(modules);
    positions = new long[modules.size()];
    file = ReservedFile.of(target);
    OnFailure.run(file::close, () -> OutputException.writing(target, () -> begin(sourceSha256)));
  }

  private void begin(String sourceSha256) throws IOException {
    if (!modules.equals(modules.stream().sorted(BY_NAME).toList())) {
      throw new IllegalArgumentException("the modules are not in code-point order");
    }
    List<TensorInfo> tensors =
        SafetensorsWriter.layout(modules.stream().map(MaskFile::tensor).toList());
    byte[] header =
        SafetensorsWriter.header(
            tensors, Map.of("format", MaskFile.FORMAT, MaskFile.SOURCE, sourceSha256));
    Arrays.setAll(positions, index -> header.length + tensors.get(index).begin());
    file.write(0, MemorySegment.ofArray(header));
  }

  /**
   * Takes the mask of a module.
   *
   * @throws OutputException if it can't be written
   * @throws IllegalArgumentException if the mask hasn't the module's size, or a bit is set that is
   *     no weight's
   * @throws IllegalStateException if the module's mask was there already
   */
  @Override
  public void add(int index, MemorySegment mask) {
    LinearModule module = modules.get(index);
    if (mask.byteSize() != module.maskBytes()) {
      throw new IllegalArgumentException(
          "%s: expected a mask of %d bytes, found %d"
              .formatted(module.name(), module.maskBytes(), mask.byteSize()));
    }
    if (PackedMasks.firstWrongPadding(module, mask) >= 0) {
      throw new IllegalArgumentException(module.name() + ": a bit is set that is no weight's");
    }
    synchronized (added) {
      if (added.get(index)) {
        throw new IllegalStateException(module.name() + " was written more than once");
      }
      added.set(index);
    }
    file.write(positions[index], mask);
  }

  /**
   * Gives the file its name, after the last mask.
   *
   * @throws OutputException if that fails
   * @throws IllegalStateException if a mask is missing
   */
  public void finish() {
    synchronized (added) {
      if (added.cardinality() != modules.size()) {
        String missing = modules.get(added.nextClearBit(0)).name();
        throw new IllegalStateException(missing + ": its mask was never written");
      }
    }
    file.finish();
  }

  /** Deletes what is there of the file, unless it is finished. */
  @Override
  public void close() {
    file.close();
  }
}

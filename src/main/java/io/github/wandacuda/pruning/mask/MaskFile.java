package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Files of masks: safetensors files with a tensor {@code <module>.mask} for each module, U8 [rows,
 * ceil(columns / 8)], least significant bit first, 1 = kept, rows padded with 0. Their metadata say
 * {@code format} = {@link #FORMAT} and, as {@code source_sha256}, which model they were made for.
 */
public final class MaskFile {
  /** The value of the metadata's {@code format}. */
  public static final String FORMAT = "wanda-cuda.masks.v1";

  static final String SUFFIX = ".mask";
  static final String SOURCE = "source_sha256";

  private MaskFile() {}

  /**
   * Opens a file and checks it against a model: each of its masks must be a module's, and of the
   * module's shape.
   *
   * @param modules all linear modules of the model
   * @param sourceSha256 the digest of the model that the masks must have been made for, or null
   *     where any with the same modules will do
   * @return the masks, read on demand, for the caller to close
   * @throws InputException if the file isn't there or isn't what it should be
   */
  public static ModuleMasks open(Path file, Collection<LinearModule> modules, String sourceSha256) {
    if (file.toString().endsWith(".npz")) {
      throw ErrorDetails.file(file)
          .hint("src/python/npz_masks.py makes a file of masks of one")
          .wrong("a safetensors file of masks", "an archive of NumPy arrays");
    }
    return SafetensorsMasks.open(file, modules, sourceSha256);
  }

  /** Returns whether a file's metadata say that it holds masks which this program wrote. */
  public static boolean isOne(Path file) {
    return SafetensorsFile.isOf(file, FORMAT);
  }

  /** Returns the name that a module's mask has in a file. */
  static String tensorName(LinearModule module) {
    return module.name() + SUFFIX;
  }

  /**
   * Describes a module's mask as a tensor whose place in the file isn't known yet: its offsets give
   * its length alone.
   */
  static TensorInfo tensor(LinearModule module) {
    List<Long> shape = List.of((long) module.rows(), Selector.maskRowBytes(module.columns()));
    return new TensorInfo(tensorName(module), "U8", shape, 0, module.maskBytes());
  }

  /** A file of masks, held open. */
  private record SafetensorsMasks(SafetensorsFile file) implements ModuleMasks {
    static SafetensorsMasks open(Path path, Collection<LinearModule> modules, String sourceSha256) {
      SafetensorsMasks masks = new SafetensorsMasks(SafetensorsFile.open(path));
      OnFailure.run(
          masks::close,
          () -> {
            masks.checkMetadata(sourceSha256);
            masks.checkTensors(modules);
          });
      return masks;
    }

    private void checkMetadata(String sourceSha256) {
      String format = file.metadata().getOrDefault("format", "none");
      if (!format.equals(FORMAT)) {
        throw ErrorDetails.file(file.path())
            .hint("masks are what a run of prune saves")
            .wrong("format %s in its metadata".formatted(FORMAT), Printable.of(format));
      }
      String source = file.metadata().getOrDefault(SOURCE, "none");
      if (sourceSha256 != null && !source.equals(sourceSha256)) {
        throw ErrorDetails.part(file.path(), "metadata " + SOURCE)
            .hint("the masks were made for another model")
            .wrong("this model's, " + sourceSha256, Printable.of(source));
      }
    }

    private void checkTensors(Collection<LinearModule> modules) {
      Map<String, LinearModule> byTensor =
          modules.stream().collect(Collectors.toMap(MaskFile::tensorName, Function.identity()));
      for (TensorInfo tensor : file.tensors()) {
        LinearModule module = byTensor.get(tensor.name());
        if (module == null) {
          throw ErrorDetails.tensor(file.path(), tensor.name())
              .hint("the masks were made for another model")
              .wrong("<module>%s of a linear module".formatted(SUFFIX), "none such");
        }
        TensorInfo expected = tensor(module);
        if (!tensor.dtype().equals(expected.dtype()) || !tensor.shape().equals(expected.shape())) {
          throw ErrorDetails.tensor(file.path(), tensor.name())
              .wrong(
                  "%s for %d x %d weights"
                      .formatted(expected.what(), module.rows(), module.columns()),
                  tensor.what());
        }
      }
    }

    @Override
    public void require(Collection<LinearModule> modules) {
      modules.forEach(this::info);
    }

    private TensorInfo info(LinearModule module) {
      return file.tensor(tensorName(module))
          .orElseThrow(
              () ->
                  ErrorDetails.tensor(file.path(), tensorName(module))
                      .wrong("a mask of the module", "none"));
    }

    @Override
    public void read(LinearModule module, MemorySegment mask) {
      MemorySegment bits = mask.asSlice(0, module.maskBytes());
      file.read(info(module), 0, bits);
      int row = PackedMasks.firstWrongPadding(module, bits);
      if (row >= 0) {
        throw ErrorDetails.tensor(file.path(), tensorName(module))
            .wrong(
                "zeros after column %d of row %d".formatted(module.columns() - 1, row),
                "a bit that is set");
      }
    }

    @Override
    public void close() {
      file.close();
    }
  }
}

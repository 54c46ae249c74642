package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A file of masks of this program's own, see {@link MaskFile}.
 *
 * @param file held open
 */
record SafetensorsMasks(SafetensorsFile file) implements ModuleMasks {

  static SafetensorsMasks open(Path path, Collection<LinearModule> modules, String sourceSha256) {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      SafetensorsMasks masks = new SafetensorsMasks(file);
      masks.checkMetadata(sourceSha256);
      masks.checkTensors(modules);
      return masks;
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private void checkMetadata(String sourceSha256) {
    String format = file.metadata().getOrDefault("format", "none");
    if (!format.equals(MaskFile.FORMAT)) {
      throw ErrorDetails.file(file.path())
          .hint("masks are what a run of prune saves, or an .npz of MaskLLM")
          .wrong("format %s in its metadata".formatted(MaskFile.FORMAT), Printable.of(format));
    }
    String source = file.metadata().getOrDefault(MaskFile.SOURCE, "none");
    if (sourceSha256 != null && !source.equals(sourceSha256)) {
      throw ErrorDetails.file(file.path())
          .part("metadata " + MaskFile.SOURCE)
          .hint("the masks were made for another model")
          .wrong("this model's, " + sourceSha256, Printable.of(source));
    }
  }

  private void checkTensors(Collection<LinearModule> modules) {
    Map<String, LinearModule> byTensor =
        modules.stream()
            .collect(Collectors.toMap(SafetensorsMasks::tensorName, Function.identity()));
    for (TensorInfo tensor : file.tensors()) {
      LinearModule module = byTensor.get(tensor.name());
      if (module == null) {
        throw ErrorDetails.file(file.path())
            .tensor(tensor.name())
            .hint("the masks were made for another model")
            .wrong("<module>%s of a linear module".formatted(MaskFile.SUFFIX), "none such");
      }
      List<Long> shape = List.of((long) module.rows(), Selector.maskRowBytes(module.columns()));
      if (!tensor.dtype().equals("U8") || !tensor.shape().equals(shape)) {
        throw Malformed.tensor(
            file.path(),
            tensor.name(),
            "U8 %s for %d x %d weights".formatted(shape, module.rows(), module.columns()),
            "%s %s".formatted(Printable.of(tensor.dtype()), tensor.shape()));
      }
    }
  }

  /** Returns the name of a module's mask. */
  static String tensorName(LinearModule module) {
    return module.name() + MaskFile.SUFFIX;
  }

  @Override
  public void require(Collection<LinearModule> modules) {
    modules.forEach(this::info);
  }

  private TensorInfo info(LinearModule module) {
    return file.tensor(tensorName(module))
        .orElseThrow(
            () ->
                Malformed.tensor(file.path(), tensorName(module), "a mask of the module", "none"));
  }

  @Override
  public void read(LinearModule module, MemorySegment mask) {
    MemorySegment bits = mask.asSlice(0, module.maskBytes());
    file.read(info(module), 0, bits);
    int row = PackedMasks.firstWrongPadding(module, bits);
    if (row >= 0) {
      throw Malformed.tensor(
          file.path(),
          tensorName(module),
          "zeros after column %d of row %d".formatted(module.columns() - 1, row),
          "a bit that is set");
    }
  }

  @Override
  public void close() {
    file.close();
  }
}

package io.github.wandacuda.job.convert;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.gguf.GgufExport;
import io.github.wandacuda.checkpoint.gguf.GgufExportWriter;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.SpaceCheck;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.LongConsumer;

/**
 * Converts a model directory into a file in GGUF. The file has another name until it is whole and
 * was compared with the model; a run that fails leaves nothing.
 *
 * @param model the source
 * @param output the file
 * @param type of its matrices, one of {@link GgufExport#types}
 * @param verify whether what was written is read back and compared
 */
public record ConvertJob(ModelDirectory model, Path output, String type, boolean verify) {
  /**
   * Checks what can be checked before.
   *
   * @throws UsageException if the output is there, or the type isn't written
   * @throws io.github.wandacuda.error.InputException if the model is packed, or in GGUF already
   */
  public ConvertJob {
    if (!GgufExport.types().contains(type)) {
      throw ErrorDetails.of("type")
          .refused("one of " + String.join(", ", GgufExport.types()), type);
    }
    model.requireDirectory("convert");
    model.requireUnpacked("convert");
    new GgufPlace(output).check(List.of(), false);
  }

  /**
   * The result.
   *
   * @param bytesBefore of the model's shards
   * @param bytesAfter of the file
   * @param types how many tensors of each type the file has
   * @param modules linear modules of the model's blocks, all of which are in the file
   */
  public record Result(
      long bytesBefore, long bytesAfter, SortedMap<String, Integer> types, int modules) {}

  /**
   * Writes the file, compares it and gives it its name.
   *
   * @param threads CPU threads to use, 1 or more
   * @throws io.github.wandacuda.error.InputException if the model has no form in GGUF
   * @throws OutputException if the file can't be written
   * @throws VerificationException if what was written differs from the model
   */
  public Result run(int threads, Progress progress) {
    GgufExport export =
        new GgufExport(
            model.checkpoint(),
            model.config().file(),
            model.config().root(),
            model.tokenizer(),
            type);
    GgufPlace place = new GgufPlace(output);
    Path folder = output.toAbsolutePath().getParent();
    SpaceCheck.requireDisk(folder, export.bytes());
    OutputException.writing(output, () -> Folders.create(folder));
    try {
      write(export, place.partial(), threads, progress);
      OutputException.writing(output, () -> AtomicWrite.moveOver(place.partial(), output));
    } catch (RuntimeException | Error e) {
      OutputDirectory.delete(place.partial());
      throw e;
    }
    return new Result(
        model.storedBytes(), export.bytes(), export.typeCounts(), model.modules().size());
  }

  private void write(GgufExport export, Path file, int threads, Progress progress) {
    try (Workers workers = new Workers(threads);
        GgufExportWriter writer =
            GgufExportWriter.open(export, file, FileModes.like(model.config().file()))) {
      LongConsumer told = StepCount.bytes(export.bytes() * (verify ? 2 : 1), progress);
      writer.write(workers, told);
      Optional<ErrorDetails> differs =
          verify ? writer.firstDifference(workers, told) : Optional.empty();
      if (differs.isPresent()) {
        throw new VerificationException(differs.get());
      }
    }
  }
}

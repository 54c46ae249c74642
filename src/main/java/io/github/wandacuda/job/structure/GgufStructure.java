package io.github.wandacuda.job.structure;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.gguf.GgufCopy;
import io.github.wandacuda.checkpoint.gguf.GgufParts;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/** Writes a smaller model in GGUF as files in GGUF, whose every kept code is the source's. */
final class GgufStructure {
  private final StructureRequest request;
  private final ModelDirectory model;
  private final GgufPlace place;

  /**
   * Checks what can be checked before anything is written.
   *
   * @throws UsageException if the output is in use, or weights would have to be written anew
   */
  GgufStructure(StructureRequest request, ModelDirectory model) {
    this.request = request;
    this.model = model;
    place = new GgufPlace(request.output());
    place.check(files(request.removed()), request.resume());
    if (request.update() != Update.NONE) {
      throw ErrorDetails.file(model.path())
          .refused("`update` none for a GGUF file, whose codes stay", request.update().label());
    }
  }

  boolean isFinished(RemovedParts removed) {
    return GgufPlace.isFinished(files(removed));
  }

  /** Returns the bytes of the smaller model's files. */
  long bytes(RemovedParts removed) {
    return parts(removed).bytes();
  }

  /** Returns the file by which the smaller model is opened: the only one, or the first part. */
  Path first(RemovedParts removed) {
    return files(removed).getFirst();
  }

  private List<Path> files(RemovedParts removed) {
    return parts(removed).files(place.file());
  }

  private GgufParts parts(RemovedParts removed) {
    return GgufParts.of(removed.gguf(model, request.card()), request.shardBytes());
  }

  /**
   * Writes the files, compares them and gives them their names, the first one last.
   *
   * @param removed what goes, all of it known
   * @param beforeEnd called right before the files get their names
   */
  void run(
      RemovedParts removed,
      RemovalRecord record,
      PhaseClock clock,
      Progress progress,
      Runnable beforeEnd) {
    place.requireSame(Fingerprint.of(record));
    GgufParts parts = parts(removed);
    List<Path> files = parts.files(place.file());
    if (GgufPlace.isFinished(files)) {
      return;
    }
    OutputException.writing(
        place.file(), () -> Folders.create(place.file().toAbsolutePath().getParent()));
    AtomicWrite.replace(
        place.record(), out -> out.write(record.json()), FileModes.like(model.path()));
    long start = System.nanoTime();
    List<Path> unfinished = files.stream().map(GgufStructure::unfinished).toList();
    LongConsumer written = StepCount.bytes(parts.bytes(), progress);
    for (int part = 0; part < files.size(); part++) {
      GgufCopy copy = parts.copies().get(part);
      Path file = unfinished.get(part);
      OutputException.writing(file, () -> copy.write(file, written));
    }
    clock.addReadWrite(System.nanoTime() - start);
    if (request.verify()) {
      verify(parts, unfinished, clock);
    }
    beforeEnd.run();
    for (int part = files.size() - 1; part >= 0; part--) {
      Path from = unfinished.get(part);
      Path file = files.get(part);
      OutputException.writing(file, () -> AtomicWrite.moveOver(from, file));
    }
  }

  /**
   * Returns where a file is written; a run that was interrupted at its end has named it already.
   */
  private static Path unfinished(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS) ? file : GgufPlace.partial(file);
  }

  private static void verify(GgufParts parts, List<Path> files, PhaseClock clock) {
    long start = System.nanoTime();
    Optional<ErrorDetails> wrong = parts.firstDifference(files);
    if (wrong.isPresent()) {
      for (Path file : files) {
        OutputException.writing(file, () -> Files.deleteIfExists(file));
      }
      throw new VerificationException(wrong.get());
    }
    clock.addVerify(System.nanoTime() - start);
  }
}

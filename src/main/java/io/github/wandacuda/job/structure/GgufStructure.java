package io.github.wandacuda.job.structure;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.gguf.GgufCopy;
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
import java.util.function.LongConsumer;

/** Writes a smaller model in GGUF as a file in GGUF, whose every kept code is the source's. */
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
    place.check(request.resume());
    if (request.update() != Update.NONE) {
      throw ErrorDetails.file(model.path())
          .refused("`update` none for a GGUF file, whose codes stay", request.update().label());
    }
  }

  boolean isFinished() {
    return place.isFinished();
  }

  /** Returns the bytes of the smaller file. */
  long bytes(RemovedParts removed) {
    return copy(removed).bytes();
  }

  private GgufCopy copy(RemovedParts removed) {
    return new GgufCopy(removed.gguf(model, request.card()));
  }

  /**
   * Writes the file, compares it and gives it its name.
   *
   * @param removed what goes, all of it known
   * @param beforeEnd called right before the file gets its name
   */
  void run(
      RemovedParts removed,
      RemovalRecord record,
      PhaseClock clock,
      Progress progress,
      Runnable beforeEnd) {
    place.requireSame(Fingerprint.of(record));
    if (place.isFinished()) {
      return;
    }
    GgufCopy copy = copy(removed);
    OutputException.writing(
        place.file(), () -> Folders.create(place.file().toAbsolutePath().getParent()));
    AtomicWrite.replace(
        place.record(), out -> out.write(record.json()), FileModes.like(model.path()));
    long start = System.nanoTime();
    OutputException.writing(
        place.partial(), () -> copy.write(place.partial(), told(progress, copy.bytes())));
    clock.addReadWrite(System.nanoTime() - start);
    if (request.verify()) {
      verify(copy, clock);
    }
    beforeEnd.run();
    OutputException.writing(
        place.file(), () -> AtomicWrite.moveOver(place.partial(), place.file()));
  }

  private void verify(GgufCopy copy, PhaseClock clock) {
    long start = System.nanoTime();
    copy.firstDifference(place.partial())
        .ifPresent(
            wrong -> {
              OutputException.writing(place.partial(), () -> Files.deleteIfExists(place.partial()));
              throw new VerificationException(wrong);
            });
    clock.addVerify(System.nanoTime() - start);
  }

  private static LongConsumer told(Progress progress, long all) {
    progress.begin(0);
    progress.bytes(all);
    long[] done = {0};
    return bytes -> {
      done[0] += bytes;
      progress.within("byte", done[0], all, Math.min((double) done[0] / all, Math.nextDown(1.0)));
    };
  }
}

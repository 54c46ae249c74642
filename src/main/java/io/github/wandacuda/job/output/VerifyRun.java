package io.github.wandacuda.job.output;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.SparsityParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a process on another machine has to know to check a part of a pruned model.
 *
 * @param source the model before pruning
 * @param pruned the directory of the pruned one, which all machines share
 * @param packed whether it is packed
 * @param record its {@code wanda-cuda.json}, or null if it has none
 * @param method what the user says of its method, or null
 * @param sparsity what the user says of its sparsity or pattern, or null
 * @param masks whether masks travel back, which only the record's digest needs
 */
record VerifyRun(
    SharedSource source,
    String pruned,
    boolean packed,
    String record,
    Method method,
    String sparsity,
    boolean masks)
    implements Serializable {

  static VerifyRun of(ShardsCheck.Pruned pruned) {
    Verifier.Claim claim = pruned.claim();
    return new VerifyRun(
        SharedSource.of(pruned.dense()),
        pruned.directory().toAbsolutePath().toString(),
        pruned.packed(),
        pruned.recorded() ? record(pruned.directory()) : null,
        claim.method(),
        claim.sparsity() == null ? null : text(claim.sparsity()),
        pruned.recorded() && claim.equals(Verifier.Claim.NONE));
  }

  private static String record(Path directory) {
    Path file = directory.resolve(Provenance.FILE_NAME);
    try {
      return new String(InputFile.bytes(file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new InputException(ErrorDetails.file(file).said("can't be read: " + Reason.of(e)), e);
    }
  }

  private static String text(Sparsity sparsity) {
    return sparsity instanceof Sparsity.Ratio ratio
        ? Double.toString(ratio.fraction())
        : sparsity.toString();
  }

  /** Returns the rules by which the model was pruned. */
  PruningRules rules() {
    Sparsity claimed =
        sparsity == null
            ? null
            : sparsity.contains(":")
                ? SparsityParser.pattern(sparsity)
                : SparsityParser.ratio(sparsity);
    return new Verifier.Claim(method, claimed, null).rules(provenance());
  }

  private Optional<Provenance> provenance() {
    if (record == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          Provenance.read(
              new ByteArrayInputStream(record.getBytes(StandardCharsets.UTF_8)),
              Path.of(pruned).resolve(Provenance.FILE_NAME)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

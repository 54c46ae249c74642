package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibrate.statistics.Statistics;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.ReservedFile;
import io.github.wandacuda.prune.mask.MaskFile;
import io.github.wandacuda.report.ReportFormat;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import picocli.CommandLine.Option;

/**
 * The result files of a command, which are checked and reserved before the work begins. A file that
 * the run reads is never replaced, and another file only if this program wrote it or {@code
 * --overwrite} was given.
 */
public final class ResultFiles implements AutoCloseable {
  private static final String ANOTHER = "name another file";

  private final Path model;
  private final Path output;
  private final boolean overwrite;
  private final Map<Object, String> read = new HashMap<>();

  /** Filled with the first file, since most runs have none. */
  private Set<Object> inModel;

  private final Map<String, Path> files = new LinkedHashMap<>();
  private final Set<String> unreserved = new HashSet<>();
  private final Map<String, ReservedFile> reserved = new LinkedHashMap<>();

  /**
   * Creates an empty set of files.
   *
   * @param model the directory of the model that is read
   * @param output the directory that is written, or null
   * @param overwrite whether files that this program didn't write may be replaced
   */
  public ResultFiles(Path model, Path output, boolean overwrite) {
    this.model = model;
    this.output = output;
    this.overwrite = overwrite;
  }

  /** Adds a file that the run reads in addition to the model, unless it is null. */
  public void read(String option, Path file) {
    if (file != null) {
      FileIdentity.of(file).ifPresent(identity -> read.put(identity, option));
    }
  }

  /**
   * Checks a file that the command will write.
   *
   * @param option the option that names it
   * @param file the file; nothing is written if it is null
   * @throws UsageException if the run reads it, if it is in the model's or the output's directory,
   *     if another option names it too, or if this program didn't write it
   * @throws OutputException if it can't be written
   */
  public void add(String option, Path file, Kind kind) {
    if (file == null) {
      return;
    }
    if (inModel == null) {
      inModel = FileIdentity.allIn(model);
    }
    refuseRead(option, file);
    if (output != null && FileIdentity.isWithin(file, output)) {
      throw refused(option, file, "lies in the output's directory", "name another place");
    }
    files.forEach(
        (other, taken) -> {
          if (FileIdentity.real(file).equals(FileIdentity.real(taken))) {
            throw refused(option, file, "is what %s writes too".formatted(other), ANOTHER);
          }
        });
    ReservedFile.requireWritable(file);
    refuseForeign(option, file, kind);
    files.put(option, file);
  }

  /** Checks a file as {@link #add} does, which its writer reserves itself. */
  public void addUnreserved(String option, Path file, Kind kind) {
    add(option, file, kind);
    unreserved.add(option);
  }

  private void refuseRead(String option, Path file) {
    for (Path place = FileIdentity.real(file).getParent();
        place != null;
        place = place.getParent()) {
      if (FileIdentity.of(place).filter(inModel::contains).isPresent()) {
        throw refused(
            option,
            file,
            "lies in the model's directory %s, where nothing is ever written"
                .formatted(Printable.of(model)),
            "name another place");
      }
    }
    FileIdentity.of(file)
        .ifPresent(
            identity -> {
              if (inModel.contains(identity)) {
                throw refused(
                    option, file, "is a file of the model, which is never replaced", ANOTHER);
              }
              if (read.containsKey(identity)) {
                throw refused(
                    option,
                    file,
                    "is what %s reads, which is never replaced".formatted(read.get(identity)),
                    ANOTHER);
              }
            });
  }

  private void refuseForeign(String option, Path file, Kind kind) {
    boolean there = Files.exists(file, LinkOption.NOFOLLOW_LINKS);
    boolean device = Files.exists(file) && !Files.isRegularFile(file);
    if (there && !device && !overwrite && !kind.isWrittenHere(file)) {
      throw refused(
          option,
          file,
          "exists and isn't %s that this program wrote".formatted(kind.inWords()),
          "--overwrite replaces it");
    }
  }

  private static UsageException refused(String option, Path file, String why, String hint) {
    return new UsageException(
        ErrorDetails.file(file).part(option).said("this file " + why).hint(hint));
  }

  /**
   * Makes all files, under temporary names, and locks them.
   *
   * @throws OutputException if one can't be made
   * @throws UsageException if another run has reserved one
   */
  public void reserve() {
    files.forEach(
        (option, file) -> {
          if (!unreserved.contains(option)) {
            reserved.put(option, ReservedFile.of(file));
          }
        });
  }

  /** Writes the file of an option, if it was given. */
  public void write(String option, AtomicWrite.Content content) {
    if (reserved.containsKey(option)) {
      reserved.get(option).write(content);
    }
  }

  @Override
  public void close() {
    reserved.values().forEach(ReservedFile::close);
  }

  /** The option to let result files replace files that this program didn't write. */
  public static final class OverwriteOption {
    @Option(
        names = "--overwrite",
        description =
            "Let result files replace files that this program didn't write; never what the run"
                + " reads.")
    private boolean overwrite;

    public boolean given() {
      return overwrite;
    }
  }

  /** The kinds of result files, and how each is recognized. */
  public enum Kind {
    STATISTICS("statistics", Statistics::isOne),
    REPORT("a report", ReportFormat::isOne),
    MASKS("masks", MaskFile::isOne);

    private final String inWords;
    private final Predicate<Path> isOne;

    Kind(String inWords, Predicate<Path> isOne) {
      this.inWords = inWords;
      this.isOne = isOne;
    }

    String inWords() {
      return inWords;
    }

    /** Returns whether a file's content is one of this kind that this program wrote. */
    boolean isWrittenHere(Path file) {
      return isOne.test(file);
    }
  }
}

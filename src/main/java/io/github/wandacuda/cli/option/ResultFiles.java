package io.github.wandacuda.cli.option;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.ReservedFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The result files of a command, which are checked and reserved before the work begins. A file that
 * the run reads is never replaced, and another file only if {@code --overwrite} was given. A run
 * that goes on with what was begun before leaves those as they are that it may have written then.
 */
public final class ResultFiles implements AutoCloseable {
  private static final String ANOTHER = "name another file";
  private static final String REPLACE = "--overwrite replaces it";
  private static final Logger LOG = LoggerFactory.getLogger(ResultFiles.class);

  private final Path model;
  private final Path output;
  private final boolean overwrite;
  private final boolean begun;
  private final Map<Object, String> read = new HashMap<>();

  /** Filled with the first file, since most runs have none. */
  private Set<Object> inModel;

  private final Map<String, Path> files = new LinkedHashMap<>();
  private final Map<String, ReservedFile> reserved = new LinkedHashMap<>();

  /** Creates an empty set; the output may be null, and the run go on with what was begun before. */
  public ResultFiles(Path model, Path output, boolean overwrite, boolean begun) {
    this.model = model;
    this.output = output;
    this.overwrite = overwrite;
    this.begun = begun;
  }

  /**
   * Adds a file that the run reads in addition to the model, or a directory with all that is in it,
   * unless it is null.
   */
  public void read(String option, Path file) {
    if (file != null && Files.isDirectory(file)) {
      FileIdentity.allIn(file).forEach(identity -> read.put(identity, option));
    } else if (file != null) {
      FileIdentity.of(file).ifPresent(identity -> read.put(identity, option));
    }
  }

  /**
   * Checks a file that the command will write, unless it is null: that the run doesn't read it,
   * that it isn't in the model's or the output's directory, and that no other option names it too.
   * A file of a kind that this program wrote before may be left as it is.
   */
  public void add(String option, Path file, Predicate<Path> isOne) {
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
    boolean device = Files.exists(file) && !Files.isRegularFile(file);
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !device && !overwrite) {
      keep(option, file, isOne);
    } else {
      files.put(option, file);
    }
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
              if (read.containsKey(identity) || InputFile.isRead(file)) {
                throw refused(
                    option,
                    file,
                    "is what %s reads, which is never replaced"
                        .formatted(read.getOrDefault(identity, "the run")),
                    ANOTHER);
              }
            });
  }

  private void keep(String option, Path file, Predicate<Path> isOne) {
    ErrorDetails where = ErrorDetails.file(file).part(option);
    if (!begun || !isOne.test(file)) {
      throw new UsageException(where.said("this file exists").hint(REPLACE));
    }
    LOG.warn(where.said("this file exists and is left as it is").hint(REPLACE).line());
  }

  public boolean writes(String option) {
    return files.containsKey(option);
  }

  private static UsageException refused(String option, Path file, String why, String hint) {
    return new UsageException(
        ErrorDetails.file(file).part(option).said("this file " + why).hint(hint));
  }

  /** Makes all files, under temporary names, and locks them; no other run may have done so. */
  public void reserve() {
    files.forEach(
        (option, file) -> {
          refuseRead(option, file);
          // Masks are written while the run goes on, to a file that their writer reserves.
          if (!option.equals(MaskOptions.SAVE)) {
            reserved.put(option, ReservedFile.of(file));
          }
        });
  }

  public void write(String option, AtomicWrite.Content content) {
    if (reserved.containsKey(option)) {
      reserved.get(option).write(content);
    }
  }

  @Override
  public void close() {
    reserved.values().forEach(ReservedFile::close);
  }
}

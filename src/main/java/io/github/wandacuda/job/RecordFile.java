package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A small file with the lines of a {@link Journal}, which is written as a whole. */
final class RecordFile {
  private RecordFile() {}

  /**
   * Writes records, which are on the device under the file's name when this returns.
   *
   * @throws OutputException if they can't be written
   */
  public static void write(Path file, List<Map<String, Object>> records) {
    AtomicWrite.replace(
        file,
        out -> {
          for (Map<String, Object> record : records) {
            out.write(JournalLines.line(record).array());
          }
        },
        FileModes.ownerOnly());
  }

  /**
   * Reads records, up to the first that isn't whole; none if there is no such file.
   *
   * @throws OutputException if they can't be read
   */
  public static List<JsonNode> read(Path file) {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try {
      return JournalLines.read(InputFile.bytes(file)).records();
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }
}

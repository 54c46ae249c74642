package io.github.wandacuda.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.hardwood.HardwoodContext;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Reads the rows of a Parquet file as JSON objects. */
public final class ParquetRows {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /**
   * How many bytes of memory a byte of a file may need: packed pages grow, and their values become
   * strings.
   */
  private static final int OF_FILE = 8;

  /**
   * The property by which Hardwood loads a library of the system to unpack pages. {@link
   * PlainPages} has unpacked them before.
   */
  private static final String LIBDEFLATE = "hardwood.uselibdeflate";

  /**
   * Hardwood logs by the JDK's own means how it decodes. Held here, since the JDK forgets the level
   * of a logger that nobody holds.
   */
  private static final Logger LOG = Logger.getLogger("dev.hardwood");

  private ParquetRows() {}

  /**
   * Reads a file's first rows.
   *
   * @param limit the number of rows after which no more are read
   * @return an object for each row, in the file's order: numbers, strings, truth values, lists and
   *     objects; a date or another kind of value as a string
   * @throws InputException if it can't be read, is no Parquet file, is cut short or broken, or
   *     needs more memory than the heap has
   * @throws CancelledException if the thread is interrupted
   */
  public static List<JsonNode> read(Path file, long limit) {
    return InputFile.reading(file, () -> rows(file, limit));
  }

  private static List<JsonNode> rows(Path file, long limit) throws IOException {
    HeapBudget.require(ErrorDetails.file(file), InputFile.size(file), OF_FILE);
    byte[] bytes = InputFile.bytes(file);
    long most = Runtime.getRuntime().maxMemory() / OF_FILE * 2;
    if (System.getProperty(LIBDEFLATE) == null) {
      System.setProperty(LIBDEFLATE, "false");
    }
    LOG.setLevel(Level.OFF);
    // One thread: files of tasks have a few megabytes.
    try (HardwoodContext context = HardwoodContext.create(1);
        ParquetFileReader reader =
            ParquetFileReader.open(
                dev.hardwood.InputFile.of(
                    ByteBuffer.wrap(
                        PlainPages.of(file, bytes, Math.min(most, Integer.MAX_VALUE / 2)))),
                context);
        RowReader rows = reader.buildRowReader().head(limit).build()) {
      long expected = Math.min(limit, reader.getFileMetaData().numRows());
      List<JsonNode> read = new ArrayList<>();
      while (read.size() < expected && rows.hasNext()) {
        CancelledException.throwIfInterrupted();
        rows.next();
        read.add(object(rows));
      }
      if (read.size() < expected) {
        throw ErrorDetails.part(file, "its pages")
            .wrong(expected + " rows", "the end after " + read.size());
      }
      return read;
    } catch (CancelledException | InputException e) {
      throw e;
    } catch (IOException | RuntimeException | StackOverflowError e) {
      throw ErrorDetails.file(file)
          .expected("a Parquet file", Printable.firstLine(e))
          .broken("cannot be read as Parquet: " + Printable.firstLine(e), e);
    }
  }

  private static ObjectNode object(StructAccessor struct) {
    ObjectNode object = NODES.objectNode();
    for (int field = 0; field < struct.getFieldCount(); field++) {
      object.set(
          struct.getFieldName(field),
          struct.isNull(field) ? NODES.nullNode() : value(struct.getValue(field)));
    }
    return object;
  }

  private static JsonNode value(Object value) {
    return switch (value) {
      case String text -> NODES.textNode(text);
      case Integer number -> NODES.numberNode(number);
      case Long number -> NODES.numberNode(number);
      case Float number -> NODES.numberNode(number);
      case Double number -> NODES.numberNode(number);
      case Boolean truth -> NODES.booleanNode(truth);
      case byte[] bytes -> NODES.textNode(new String(bytes, StandardCharsets.UTF_8));
      case PqStruct struct -> object(struct);
      case PqList list -> array(list);
      default -> NODES.textNode(String.valueOf(value));
    };
  }

  private static ArrayNode array(PqList list) {
    ArrayNode array = NODES.arrayNode();
    for (Object element : list.values()) {
      array.add(element == null ? NODES.nullNode() : value(element));
    }
    return array;
  }
}

package io.github.wandacuda.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.PrettyPrinter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes JSON for people and programs: indented, in the order of the map. */
public final class JsonText {
  private static final JsonFactory FACTORY = new JsonFactory();

  private JsonText() {}

  /**
   * Returns an object's text, without a line end.
   *
   * @param object values by name: maps, records, lists, strings, numbers, truth values and null; a
   *     number that isn't finite becomes null, since JSON has none
   */
  public static String of(Map<String, ?> object) {
    return text(object, new DefaultPrettyPrinter());
  }

  /**
   * Returns the text of an object, or of another value, on one line, without a line end.
   *
   * @param value as in an object of {@link #of}
   */
  public static String line(Object value) {
    return text(value, null);
  }

  /**
   * Returns the values of a record in the order of its components. Each has its component's name in
   * small letters, with an underscore before what was a capital.
   */
  public static Map<String, Object> map(Record made) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (RecordComponent component : made.getClass().getRecordComponents()) {
      String name = component.getName().replaceAll("(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
      Method accessor = component.getAccessor();
      accessor.setAccessible(true);
      try {
        values.put(name, accessor.invoke(made));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
    return values;
  }

  private static String text(Object value, PrettyPrinter printer) {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = FACTORY.createGenerator(text)) {
      json.setPrettyPrinter(printer);
      write(json, value);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return escaped(text.toString());
  }

  /**
   * Escapes characters that JSON allows but that control a terminal or reverse a line's direction.
   * In JSON they occur only inside strings, where an escape means the same.
   */
  private static String escaped(String json) {
    return json.chars().allMatch(character -> character < 0x7f)
        ? json
        : json.lines().map(Printable::line).collect(Collectors.joining(System.lineSeparator()));
  }

  private static void write(JsonGenerator json, Object value) throws IOException {
    if (value instanceof Map<?, ?> map) {
      json.writeStartObject();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        json.writeFieldName(entry.getKey().toString());
        write(json, entry.getValue());
      }
      json.writeEndObject();
    } else if (value instanceof Record made) {
      write(json, map(made));
    } else if (value instanceof List<?> list) {
      json.writeStartArray();
      for (Object element : list) {
        write(json, element);
      }
      json.writeEndArray();
    } else if (value instanceof Number number && !Double.isFinite(number.doubleValue())) {
      json.writeNull();
    } else if (value instanceof Path || value instanceof Instant) {
      json.writeString(value.toString());
    } else {
      json.writePOJO(value);
    }
  }
}

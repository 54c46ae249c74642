package io.github.wandacuda.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonTextTest {
  @Test
  void isWhatTheMapperWrites() throws JsonProcessingException {
    Map<String, Object> inner = new LinkedHashMap<>();
    inner.put("é\"\\\n\u0000", "漢😀\t</>");
    inner.put("empty", Map.of());
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("z", 1);
    object.put("a", Arrays.asList(null, true, List.of(), List.of(inner, inner)));
    object.put("numbers", List.of(Long.MIN_VALUE, 0.1, 1e-7, 1e300, 0.1f, (short) 3, 100.0));
    object.put("odd", List.of(-0.0, -0.0f));
    object.put("nothing", null);
    JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    assertThat(JsonText.of(object)).isEqualTo(mapper.writeValueAsString(object));
    assertThat(JsonText.of(Map.of())).isEqualTo(mapper.writeValueAsString(Map.of()));
  }

  /** As text they would be read as words, or not at all. */
  @Test
  void whatIsNoNumberIsNull() {
    for (Number odd :
        List.of(Double.NaN, Double.NEGATIVE_INFINITY, Float.NaN, Float.POSITIVE_INFINITY)) {
      assertThat(JsonText.line(Map.of("a", List.of(odd)))).isEqualTo("{\"a\":[null]}");
    }
  }

  @Test
  void whatHasNoFormInJsonIsRefused() {
    assertThatThrownBy(() -> JsonText.of(Map.of("a", new Object())))
        .isInstanceOf(IllegalStateException.class);
  }
}

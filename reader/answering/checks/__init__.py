"""What decoders get wrong in an answer, held against the text: copied words, names, places, prices, quantities, lists."""

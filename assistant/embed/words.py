"""The few words that the script itself says in a page."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "open": "Ask about your data",
        "close": "Close",
        "anew": "New conversation",
        "wide": "Wider or narrower",
        "ask": "Ask in plain words",
        "lead": "I only read; every answer says how your question was understood.",
        "can": "What can I ask?",
        "waiting": "Connecting",
        "lost": "The chat cannot be reached.",
    },
    "de": {
        "open": "Fragen Sie Ihre Daten",
        "close": "Schließen",
        "anew": "Neue Unterhaltung",
        "wide": "Breiter oder schmaler",
        "ask": "Fragen Sie in eigenen Worten",
        "lead": "Ich lese nur; jede Antwort sagt, wie Ihre Frage verstanden wurde.",
        "can": "Was kann ich fragen?",
        "waiting": "Verbindung wird aufgebaut",
        "lost": "Der Chat ist nicht erreichbar.",
    },
    "fr": {
        "open": "Interrogez vos données",
        "close": "Fermer",
        "anew": "Nouvelle conversation",
        "wide": "Plus large ou plus étroit",
        "ask": "Posez votre question",
        "lead": "Je ne fais que lire ; chaque réponse dit comment la question a été comprise.",
        "can": "Que puis-je demander ?",
        "waiting": "Connexion",
        "lost": "Le chat est injoignable.",
    },
    "es": {
        "open": "Pregunte a sus datos",
        "close": "Cerrar",
        "anew": "Nueva conversación",
        "wide": "Más ancho o más estrecho",
        "ask": "Pregunte con sus palabras",
        "lead": "Solo leo; cada respuesta dice cómo se entendió la pregunta.",
        "can": "¿Qué puedo preguntar?",
        "waiting": "Conectando",
        "lost": "No se puede acceder al chat.",
    },
}

NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}
"""What a model is told to answer in."""
